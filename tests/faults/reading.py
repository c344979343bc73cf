"""Reads what is committed to the topics of a namespace, again and again, as any consumer would."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.events import Change, Entity, Parked, Position
from schemas.topics import CHANGES, PARKED, POSITIONS, Topic
from tests.faults.oracles import Announcement
from workers.adapters.kafka.topics import topic_name

POLL_MS = 100


class Topics:
    """What was committed, by team; changes in the order of each partition."""

    def __init__(self, consumer: AIOKafkaConsumer, namespace: str) -> None:
        self._consumer = consumer
        self._names = {topic_name(namespace, topic): topic for topic in (*CHANGES.values(), PARKED, POSITIONS)}
        self._partitions = [
            TopicPartition(name, number) for name, topic in self._names.items() for number in range(topic.partitions)
        ]
        self.changes: dict[str, list[Change]] = defaultdict(list)
        self.positions: dict[str, dict[Entity, Position]] = defaultdict(dict)
        self.parked: dict[str, list[Parked]] = defaultdict(list)
        self.texts: list[str] = []
        self.sent_ms: dict[str, dict[Announcement, int]] = defaultdict(dict)
        """When a change was first sent, by team."""

    def assign(self) -> None:
        self._consumer.assign(self._partitions)

    async def follow(self) -> None:
        """For ever."""
        while True:
            for partition, records in (await self._consumer.getmany(timeout_ms=POLL_MS)).items():
                for record in records:
                    self._take(self._names[partition.topic], record.value, record.timestamp)

    async def read_to_the_end(self) -> None:
        """Until everything that is committed now is here; `follow` must be running."""
        ends = await self._consumer.end_offsets(self._partitions)
        while any([await self._consumer.position(one) < ends[one] for one in self._partitions]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    def read_of(self, team: str) -> bool:
        """Whether nothing is owed that is read by queries."""
        positions = self.positions[team]
        return len(positions) == len(CHANGES) and all(p.snapshot.state == "done" for p in positions.values())

    def _take(self, topic: Topic, value: bytes, sent_ms: int) -> None:
        self.texts.append(value.decode())
        if topic is POSITIONS:
            position = Position.model_validate_json(value)
            self.positions[position.team][position.entity] = position
        elif topic is PARKED:
            parked = Parked.model_validate_json(value)
            self.parked[parked.team or ""].append(parked)
        else:
            change = Change.model_validate_json(value)
            self.changes[change.team].append(change)
            announcement = Announcement(change.record_id, change.version.commit_number)
            self.sent_ms[change.team].setdefault(announcement, sent_ms)


@asynccontextmanager
async def reading(bootstrap_servers: str, namespace: str) -> AsyncIterator[Topics]:
    """The topics must be there."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    async with consumer:
        topics = Topics(consumer, namespace)
        topics.assign()
        following = asyncio.create_task(topics.follow())
        try:
            yield topics
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
