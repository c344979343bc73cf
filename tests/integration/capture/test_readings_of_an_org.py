"""What capture reads by queries, against a simulated org that judges every query; the topics are in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve
from schemas.documents import Connection, Job, ReadRequest, Record
from schemas.events import Change, Entity, Version
from schemas.topics import SHARDS
from tests.support.waiting import until
from workers.adapters.memory.changelog import MemoryTopics
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.console.jobs import request_backfill
from workers.core.polling import SETTLED_MS
from workers.core.shards import shard_of

QUICK = Pace(
    connections_seconds=0.02,
    scale=0.002,
    backoff_base_seconds=0.02,
    backoff_cap_seconds=0.2,
    query_poll_seconds=0.01,
    progress_seconds=0.02,
)
BY_BULK = replace(QUICK, rest_records=0)


class Ahead:
    """So far ahead of the org that polling does not wait for its stamps to settle."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + 3 * SETTLED_MS


@dataclass
class Captured:
    sandbox: RunningOrg
    orgs: Orgs
    connection: Connection

    def __post_init__(self) -> None:
        self.store, self.topics = memory_store(), MemoryTopics()

    @asynccontextmanager
    async def capturing(self, pace: Pace = QUICK) -> AsyncIterator[None]:
        """Until the block ends; begins once everything is read that was owed."""
        stop = asyncio.Event()
        ownership = MemoryShardOwnership(range(SHARDS))
        capture = Capture(self.store, self.orgs, self.topics.open, ownership, Ahead(), MemoryPublisher(), pace)
        running = asyncio.create_task(capture.run(stop))
        try:
            await until(self.read)
            yield
        finally:
            stop.set()
            await running

    def read(self) -> bool:
        positions = self.topics.positions[shard_of("acme")]
        return len(positions) == 3 and all(p.snapshot.state == "done" for p in positions.values())

    def commit(self, *writes: Write) -> None:
        results = self.sandbox.org.commit(list(writes), Actor(self.sandbox.org.admin_user_id, "rest", "Astro"))
        assert all(result.success for result in results), results

    def ids(self, name: str) -> list[str]:
        return [str(row["Id"]) for row in self.sandbox.org.rows(name)]

    def published(self, record_id: str) -> list[Change]:
        return [change for change in self.topics.changes if change.record_id == record_id]

    async def mirror(self, entity: Entity, *record_ids: str) -> None:
        await self.store.records.swap(
            [
                Record(team="acme", record_id=one, entity=entity, alive=True, full_version=Version(1, 0, 0))
                for one in record_ids
            ]
        )

    async def done(self, kind: str, request: ReadRequest) -> Job:
        job = Job.model_validate(
            {"team": "acme", "job_id": kind, "kind": kind, "state": "pending", "request": request, "updated_at_ms": 1}
        )
        await self.store.jobs.swap([job])
        return await self.ended(kind)

    async def ended(self, job_id: str) -> Job:
        async def is_over() -> bool:
            return (await self.store.jobs.load([("acme", job_id)]))["acme", job_id].state not in ("pending", "running")

        await until(is_over)
        return (await self.store.jobs.load([("acme", job_id)]))["acme", job_id]


Start = Callable[..., Awaitable[Captured]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    running: list[Captured] = []

    async def started(**settings: object) -> Captured:
        config = OrgConfig(connect_timeout_seconds=2, **{"contacts": 30, "leads": 8, "accounts": 8, **settings})  # type: ignore[arg-type]
        sandbox, session, cipher = await serve(config), open_session(), TokenCipher([generate_key()])
        authorization = await client_credentials(
            session,
            sandbox.base_url,
            client_id=sandbox.org.config.client_id,
            client_secret=sandbox.org.config.client_secret,
            allow_insecure_loopback=True,
        )
        connection = Connection(
            team="acme",
            org_id=authorization.org_id,
            instance_url=authorization.instance_url,
            login_url=sandbox.base_url,
            client_id=sandbox.org.config.client_id,
            grant="client_credentials",
            secret=cipher.seal("acme", authorization.secret),
            connected_at_ms=1,
        )
        connections = memory_store().connections
        orgs = Orgs(connections, cipher, Ahead(), allow_insecure_loopback=True, session=session)
        captured = Captured(sandbox, orgs, connection)
        await connections.swap([connection])
        await captured.store.connections.swap([connection])
        running.append(captured)
        return captured

    yield started
    for captured in running:
        await captured.orgs.close()
        await captured.sandbox.close()


@pytest.mark.parametrize("pace", [QUICK, BY_BULK], ids=["REST", "Bulk"])
async def test_what_changed_while_nobody_listened_is_read_with_its_deletions(start: Start, pace: Pace) -> None:
    captured = await start()
    async with captured.capturing(pace):
        pass
    changed, deleted = captured.ids("Contact")[:2]
    before = len(captured.topics.changes)
    captured.commit(
        Write("update", "Contact", changed, {"Title": "while away"}), Write("delete", "Contact", deleted, {})
    )
    async with captured.capturing(pace):
        await until(lambda: any(c.kind == "delete" for c in captured.published(deleted)))
        await until(lambda: any(c.kind == "snapshot" for c in captured.published(changed)[1:]))

    assert {c.fields.get("Title") for c in captured.published(changed)[1:]} == {"while away"}
    assert {c.record_id for c in captured.topics.changes[before:] if c.kind == "delete"} == {deleted}


async def test_an_entity_without_events_is_polled(start: Start) -> None:
    captured = await start(cdc_entities=("Account", "Contact"))
    changed, deleted = captured.ids("Lead")[:2]
    async with captured.capturing():
        captured.commit(Write("update", "Lead", changed, {"Title": "polled"}), Write("delete", "Lead", deleted, {}))
        await until(lambda: any(c.fields.get("Title") == "polled" for c in captured.published(changed)))
        await until(lambda: any(c.kind == "delete" for c in captured.published(deleted)))


async def test_records_that_disappeared_are_swept(start: Start) -> None:
    captured = await start()
    kept, deleted, *_ = captured.ids("Contact")
    captured.commit(Write("delete", "Contact", deleted, {}))
    ghost = "003000000000077AAA"
    async with captured.capturing():
        await captured.mirror("contact", kept, deleted, ghost)
        job = await captured.done("sweep", ReadRequest(entity="contact"))

    assert (job.state, job.report["deleted"], job.report["vanished"]) == ("needs_confirmation", 1, 1)
    assert captured.published(deleted)[-1].kind == "delete"
    assert not captured.published(ghost)


async def test_a_backfill_and_a_comparison(start: Start) -> None:
    captured = await start()
    one, two, *_ = captured.ids("Contact")
    async with captured.capturing():
        request = ReadRequest(entity="contact", ids=(one, two))
        by_id = await captured.ended((await request_backfill(captured.store.jobs, "acme", request, 1)).job_id)
        whole = await captured.ended(
            (await request_backfill(captured.store.jobs, "acme", ReadRequest(entity="contact"), 2)).job_id
        )
        await captured.mirror("contact", one)
        compared = await captured.done("reconcile", ReadRequest(entity="contact"))

    assert (by_id.report, whole.report) == ({"read": 2, "vanished": 0}, {"read": 30})
    assert (compared.report["compared"], compared.report["in_org"], compared.report["in_mirror"]) == (1, 30, 1)
