"""Topics of two partitions on a real Kafka, and what other programs write into them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import Topic
from workers.adapters.kafka.topics import admin, ensure_topics

FIRST, SECOND = Topic("first", 2, "delete"), Topic("second", 1, "delete")


@dataclass(frozen=True, slots=True)
class Broker:
    address: str
    namespace: str

    async def send(self, values: Iterable[str], partition: int = 0, topic: Topic = FIRST) -> None:
        """As a producer without transactions."""
        async with started(AIOKafkaProducer(bootstrap_servers=self.address)) as producer:
            for sent in [
                await producer.send(self.namespace + topic.name, value.encode(), partition=partition, key=b"k")
                for value in values
            ]:
                await sent

    async def transaction(self, values: Iterable[str], partition: int = 0, *, commit: bool = True) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.address, transactional_id=f"{self.namespace}writer")
        async with started(producer):
            await producer.begin_transaction()
            for value in values:
                await producer.send_and_wait(self.namespace + FIRST.name, value.encode(), partition=partition)
            await (producer.commit_transaction() if commit else producer.abort_transaction())

    async def acknowledged(self, group: str = "readers") -> dict[tuple[str, int], int]:
        """The committed offset of every (topic, partition) that has one."""
        async with admin(self.address) as client:
            offsets = await client.list_consumer_group_offsets(self.namespace + group)
        return {(tp.topic.removeprefix(self.namespace), tp.partition): at.offset for tp, at in offsets.items()}


@asynccontextmanager
async def started(producer: AIOKafkaProducer) -> AsyncIterator[AIOKafkaProducer]:
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@pytest.fixture
async def broker(kafka: str, namespace: str) -> Broker:
    await ensure_topics(kafka, namespace, 1, (FIRST, SECOND))
    return Broker(kafka, namespace)
