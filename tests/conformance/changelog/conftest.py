"""The change logs that the suite runs over, and what a reader of the committed topics sees of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.events import Change, Parked
from schemas.topics import CHANGES, PARKED, POSITIONS, Topic
from workers.adapters.kafka.changelog import open_change_log
from workers.adapters.kafka.topics import ensure_topics, topic_name
from workers.adapters.memory.changelog import MemoryTopics
from workers.ports import ChangeLog

SHARD = 7


@dataclass(frozen=True)
class Logs:
    """`open` takes the shard over; `changes` and `parked` are what readers of committed data see."""

    open: Callable[[], Awaitable[ChangeLog]]
    changes: Callable[[], Awaitable[list[Change]]]
    parked: Callable[[], Awaitable[list[Parked]]]


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
async def logs(request: pytest.FixtureRequest, namespace: str) -> AsyncIterator[Logs]:
    opened: list[ChangeLog] = []
    made = _memory() if request.param == "memory" else await _kafka(request.getfixturevalue("kafka"), namespace)

    async def open_log() -> ChangeLog:
        opened.append(await made.open())
        return opened[-1]

    yield Logs(open_log, made.changes, made.parked)
    for log in opened:
        await log.close()


def _memory() -> Logs:
    topics = MemoryTopics()

    async def changes() -> list[Change]:
        return topics.changes

    async def parked() -> list[Parked]:
        return topics.parked

    return Logs(lambda: topics.open(SHARD), changes, parked)


async def _kafka(bootstrap: str, namespace: str) -> Logs:
    await ensure_topics(bootstrap, namespace, 1, (CHANGES["contact"], PARKED, POSITIONS))

    async def changes() -> list[Change]:
        values = await _committed(bootstrap, namespace, CHANGES["contact"])
        return [Change.model_validate_json(value) for value in values]

    async def parked() -> list[Parked]:
        return [Parked.model_validate_json(value) for value in await _committed(bootstrap, namespace, PARKED)]

    return Logs(lambda: open_change_log(bootstrap, SHARD, namespace), changes, parked)


async def _ends(bootstrap: str, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Ends of what is written, committed or not: a commit is acknowledged a little before its readers may see it."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends


async def _committed(bootstrap: str, namespace: str, topic: Topic) -> list[bytes]:
    name = topic_name(namespace, topic)
    partitions = [TopicPartition(name, number) for number in range(topic.partitions)]
    values: list[bytes] = []
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign(partitions)
        ends = await _ends(bootstrap, partitions)
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                records = (await consumer.getmany(partition, timeout_ms=100)).get(partition, ())
                values += [record.value for record in records]
    return values
