"""A routing process that is killed with SIGKILL in the middle of its work, on a real broker and a real MongoDB."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from sandbox.stack import Endpoints
from schemas.events import Change, MembershipChange
from schemas.topics import ALL, CHANGES, MEMBERSHIPS
from tests.support.waiting import until
from tests.unit.runtime.crm import RULES, change, record_id, rule_set
from tests.unit.runtime.routed import Routed, heard, member_state, memberships, record_state, state
from workers.adapters.kafka.reader import open_reader
from workers.adapters.kafka.topics import ensure_topics, topic_name
from workers.adapters.mongo import open_store
from workers.adapters.secrets import generate_key
from workers.ports import Store

TEAM = "acme"
CONTACTS = 900
CITIES = ("Oslo", "Rome")
TAKEOVER_SECONDS = 60
"""The broker waits ten seconds for the one that was killed."""

pytestmark = pytest.mark.stack


def edits() -> tuple[list[Change], list[Change]]:
    """Everybody is created in one city and moves to the other; later a third moves back and a tenth is deleted."""
    ids = [record_id("contact", number) for number in range(CONTACTS)]
    created, moved, back, deleted = (
        [
            change(of, "create", 1 + 10 * n, Email=f"{n}@firm-{n % 7}.com", City=CITIES[n % 2])
            for n, of in enumerate(ids)
        ],
        [change(of, "update", 100_000 + n, City=CITIES[(n + 1) % 2]) for n, of in enumerate(ids)],
        [change(of, "update", 200_000 + n, City=CITIES[n % 2]) for n, of in enumerate(ids) if n % 3 == 0],
        [change(of, "delete", 300_000 + n) for n, of in enumerate(ids) if n % 10 == 0],
    )
    return created + moved, back + deleted


async def publish(servers: str, namespace: str, changes: Sequence[Change]) -> None:
    topic = topic_name(namespace, CHANGES["contact"])
    async with AIOKafkaProducer(bootstrap_servers=servers, linger_ms=20) as producer:
        sent = [
            await producer.send(topic, each.model_dump_json().encode(), key=f"{TEAM}:{each.record_id}".encode())
            for each in changes
        ]
        await asyncio.gather(*sent)


@asynccontextmanager
async def routing(stack: Endpoints, namespace: str, database: str) -> AsyncIterator[Process]:
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_NAMESPACE": namespace,
        "MONGODB_URI": stack.mongodb_uri,
        "MONGODB_DATABASE": database,
        "TOKEN_ENCRYPTION_KEYS": generate_key(),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", "routing"), env=os.environ | settings, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def announced(stack: Endpoints, namespace: str) -> list[MembershipChange]:
    async with open_reader(stack.kafka_bootstrap_servers, (MEMBERSHIPS,), since_ms=None, namespace=namespace) as reader:
        return [MembershipChange.model_validate_json(m.value) async for batch in reader.read() for m in batch]


async def found(store: Store) -> dict[str, object]:
    """What `state` tells of a store in memory."""
    return {
        "records": {(r.team, r.record_id): record_state(r) async for r in store.records.scan(TEAM)},
        "people": {(m.team, m.key): member_state(m) async for m in store.people.scan(TEAM) if m.alive},
        "accounts": {(m.team, m.key): member_state(m) async for m in store.accounts.scan(TEAM) if m.alive},
    }


@pytest.mark.parametrize("killed_at", [1, CONTACTS // 6])
async def test_the_next_one_finishes_what_a_killed_one_began(
    stack: Endpoints, namespace: str, mongo_database: str, killed_at: int
) -> None:
    """Killed when so many people are known: in the middle of some batch, with others waiting."""
    await ensure_topics(stack.kafka_bootstrap_servers, namespace, 1, ALL)
    sooner, later = edits()
    expected = Routed()
    await expected.rules(*RULES)
    await expected.apply(*sooner, *later)
    async with open_store(stack.mongodb_uri, mongo_database) as store:
        await store.rule_sets.swap([rule_set(*RULES, version=1).model_copy(update={"applied_version": 1})])
        await publish(stack.kafka_bootstrap_servers, namespace, sooner)

        async def some_are_known() -> bool:
            return await store.people_queries.count(TEAM) >= killed_at

        async with routing(stack, namespace, mongo_database) as first:
            await until(some_are_known, TAKEOVER_SECONDS, pause=0.001)
            first.send_signal(signal.SIGKILL)
            await first.wait()
        await publish(stack.kafka_bootstrap_servers, namespace, later)

        async def all_is_there() -> bool:
            return await found(store) == state(expected.store)

        async with routing(stack, namespace, mongo_database) as second:
            await until(all_is_there, TAKEOVER_SECONDS, pause=0.2)
            second.terminate()
            assert await second.wait() == 0
        assert [m.key async for m in store.people.scan(TEAM) if m.announced != m.segments] == []
    told = await announced(stack, namespace)
    assert heard(told) == memberships(expected.store)
    again = Counter((m.segment_id, m.member, m.kind, m.revision) for m in told)
    assert set(again.values()) <= {1, 2}, "told again by others than the two who had the batch in hand"
