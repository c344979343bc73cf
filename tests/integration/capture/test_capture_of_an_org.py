"""Capture against a simulated org that speaks the real wire formats, and a real Kafka."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve
from schemas.documents import Connection
from schemas.events import ENTITIES, Change
from schemas.topics import CHANGES
from tests.support.waiting import until
from workers.adapters.kafka.changelog import open_change_log
from workers.adapters.kafka.shards import KafkaShardOwnership
from workers.adapters.kafka.topics import ensure_topics, topic_name
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.core.capture.shards import shard_of
from workers.core.normalize import OBJECTS
from workers.ports import Store

pytestmark = pytest.mark.stack

QUICK = Pace(
    connections_seconds=0.1,
    backoff_base_seconds=0.1,
    backoff_cap_seconds=0.5,
    query_poll_seconds=0.05,
    fenced_seconds=1,
    scale=0.1,
)
PATIENCE_SECONDS = 40.0


class WallClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


@dataclass
class Pipeline:
    sandbox: RunningOrg
    store: Store
    orgs: Orgs
    bootstrap: str
    namespace: str

    @asynccontextmanager
    async def capturing(self) -> AsyncIterator[None]:
        capture = Capture(
            self.store,
            self.orgs,
            lambda shard: open_change_log(self.bootstrap, shard, self.namespace),
            KafkaShardOwnership(self.bootstrap, self.namespace),
            WallClock(),
            MemoryPublisher(),
            QUICK,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(capture.run(stop))
        try:
            yield
        finally:
            stop.set()
            await running

    def commit(self, *writes: Write) -> None:
        results = self.sandbox.org.commit(list(writes), Actor(self.sandbox.org.admin_user_id, "rest", "Astro"))
        assert all(result.success for result in results), results

    def ids(self, entity: str) -> list[str]:
        return [str(row["Id"]) for row in self.sandbox.org.rows(entity)]

    async def changes(self) -> list[Change]:
        """All that is committed, in the order of each partition."""
        partitions = [
            TopicPartition(topic_name(self.namespace, CHANGES[entity]), number)
            for entity in ENTITIES
            for number in range(CHANGES[entity].partitions)
        ]
        read: list[Change] = []
        async with AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(p) < ends[p] for p in partitions]):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    read += [Change.model_validate_json(record.value) for record in records]
        return read

    async def announced(self) -> tuple[Counter[str], Counter[str]]:
        """Changes by record id: as the org's ledger says they were announced since capture began, as published."""
        expected: Counter[str] = Counter()
        for name in OBJECTS.values():
            expected.update(self.sandbox.org.ledger.changes_by_record(name))
        published = Counter(change.record_id for change in await self.changes() if change.kind != "snapshot")
        return expected, published

    async def imported(self) -> bool:
        job = (await self.store.jobs.load([("acme", "import")])).get(("acme", "import"))
        return job is not None and job.state == "done"

    async def caught_up(self) -> bool:
        expected, published = await self.announced()
        return published.total() >= expected.total()


@pytest.fixture
async def pipeline(kafka: str, namespace: str) -> AsyncIterator[Pipeline]:
    await ensure_topics(kafka, namespace, 1)
    sandbox = await serve(OrgConfig(connect_timeout_seconds=2, contacts=60, leads=40, accounts=30, seed=3))
    session, config = open_session(), sandbox.org.config
    authorization = await client_credentials(
        session,
        sandbox.base_url,
        client_id=config.client_id,
        client_secret=config.client_secret,
        allow_insecure_loopback=True,
    )
    store, cipher = memory_store(), TokenCipher([generate_key()])
    connection = Connection(
        team="acme",
        org_id=authorization.org_id,
        instance_url=authorization.instance_url,
        login_url=sandbox.base_url,
        client_id=config.client_id,
        grant="client_credentials",
        secret=cipher.seal("acme", authorization.secret),
        connected_at_ms=1,
    )
    assert not await store.connections.swap([connection])
    orgs = Orgs(store.connections, cipher, WallClock(), allow_insecure_loopback=True, session=session)
    yield Pipeline(sandbox, store, orgs, kafka, namespace)
    await orgs.close()
    await sandbox.close()


async def test_what_the_org_holds_is_imported_whole(pipeline: Pipeline) -> None:
    async with pipeline.capturing():
        await until(pipeline.imported, PATIENCE_SECONDS)

    read = Counter(change.record_id for change in await pipeline.changes() if change.kind == "snapshot")
    assert read == Counter(record_id for name in OBJECTS.values() for record_id in pipeline.ids(name))
    job = (await pipeline.store.jobs.load([("acme", "import")]))["acme", "import"]
    assert (job.done, job.total) == (read.total(), read.total())


async def test_every_change_is_published_once_whatever_interrupts(pipeline: Pipeline) -> None:
    contacts, leads = pipeline.ids("Contact"), pipeline.ids("Lead")
    async with pipeline.capturing():
        await until(pipeline.imported, PATIENCE_SECONDS)
        for entity, ids in (("Contact", contacts), ("Lead", leads), ("Account", pipeline.ids("Account"))):
            pipeline.commit(Write("update", entity, ids[0], {"Description": "so that there is a replay id"}))
        await until(pipeline.caught_up, PATIENCE_SECONDS)
        for number in range(40):
            pipeline.commit(Write("update", "Contact", contacts[number % 9], {"Title": f"{number}"}))
            if number == 10:
                pipeline.sandbox.cometd_sessions.forget_all()
            if number == 20:
                pipeline.commit(Write("create", "Contact", None, {"LastName": "New", "MailingCity": "Bonn"}))
                pipeline.commit(*(Write("update", "Lead", lead, {"Rating": "Hot"}) for lead in leads[:5]))
            await asyncio.sleep(0.01)
        pipeline.commit(Write("delete", "Contact", contacts[50], {}))
        await until(pipeline.caught_up, PATIENCE_SECONDS)
    pipeline.commit(Write("update", "Contact", contacts[1], {"Title": "while nobody listens"}))
    async with pipeline.capturing():
        await until(pipeline.caught_up, PATIENCE_SECONDS)

    expected, published = await pipeline.announced()
    assert published == expected
    changes = await pipeline.changes()
    assert {c.origin.client for c in changes if c.kind == "update"} == {"Astro"}
    assert [c.fields["MailingCity"] for c in changes if c.kind == "create"] == ["Bonn"]


async def test_workers_that_come_and_go_lose_and_repeat_nothing(pipeline: Pipeline) -> None:
    contacts = pipeline.ids("Contact")
    async with pipeline.capturing():
        await until(pipeline.imported, PATIENCE_SECONDS)
        pipeline.commit(Write("update", "Contact", contacts[0], {"Title": "first"}))
        await until(pipeline.caught_up, PATIENCE_SECONDS)
        async with pipeline.capturing():
            for number in range(30):
                pipeline.commit(Write("update", "Contact", contacts[number], {"Title": f"{number}"}))
                await asyncio.sleep(0.1)
            await until(pipeline.caught_up, PATIENCE_SECONDS)
        pipeline.commit(Write("update", "Contact", contacts[0], {"Title": "last"}))
        await until(pipeline.caught_up, PATIENCE_SECONDS)

    expected, published = await pipeline.announced()
    assert published == expected


async def test_a_worker_that_was_fenced_by_mistake_takes_its_shard_up_again(pipeline: Pipeline) -> None:
    contacts = pipeline.ids("Contact")
    async with pipeline.capturing():
        await until(pipeline.imported, PATIENCE_SECONDS)
        pipeline.commit(Write("update", "Contact", contacts[0], {"Title": "first"}))
        await until(pipeline.caught_up, PATIENCE_SECONDS)
        thief = await open_change_log(pipeline.bootstrap, shard_of("acme"), pipeline.namespace)
        pipeline.commit(Write("update", "Contact", contacts[0], {"Title": "second"}))
        await until(pipeline.caught_up, PATIENCE_SECONDS)
        await thief.close()

    expected, published = await pipeline.announced()
    assert published == expected
