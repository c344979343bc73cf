"""A stretch of topics, read once, whose end does not move."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import Topic
from workers.adapters.kafka import reader as module
from workers.adapters.kafka.reader import KafkaTopicReader, open_reader
from workers.ports import Message, Refused, Unavailable

from .conftest import FIRST, SECOND, Broker
from .consuming import DEADLINE_SECONDS


async def read(opened: KafkaTopicReader) -> list[Message]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        batches = [batch async for batch in opened.read()]
    assert all(len({message.topic for message in batch}) == 1 for batch in batches)
    return [message for batch in batches for message in batch]


async def stretch(broker: Broker, since_ms: int | None = None) -> tuple[list[str], int]:
    """The values of all that is there, partition by partition, and the offsets that it takes."""
    async with open_reader(broker.address, (FIRST, SECOND), since_ms=since_ms, namespace=broker.namespace) as opened:
        total = await opened.total()
        messages = await read(opened)
    messages.sort(key=lambda message: (message.topic, message.partition))  # stable: offsets stay as they came
    return [message.value.decode() for message in messages], total


async def test_all_topics_and_partitions_are_read_in_order(broker: Broker) -> None:
    await broker.send(["a", "b"], partition=0)
    await broker.send(["c"], partition=1)
    await broker.send(["d", "e"], topic=SECOND)
    assert await stretch(broker) == (["a", "b", "c", "d", "e"], 5)


async def test_a_message_tells_where_it_lies(broker: Broker) -> None:
    await broker.send(["a", "b"], partition=1)
    async with open_reader(broker.address, (FIRST,), since_ms=None, namespace=broker.namespace) as opened:
        assert await read(opened) == [Message("first", 1, 0, b"k", b"a"), Message("first", 1, 1, b"k", b"b")]


async def test_the_end_is_frozen_when_it_is_opened(broker: Broker) -> None:
    await broker.send(["a", "b"])
    async with open_reader(broker.address, (FIRST,), since_ms=None, namespace=broker.namespace) as opened:
        await broker.send(["later"], partition=0)
        await broker.send(["later"], partition=1)
        assert [message.value for message in await read(opened)] == [b"a", b"b"]


async def test_what_comes_in_one_fetch_with_the_end_but_lies_behind_it_is_left_out(broker: Broker) -> None:
    await broker.send(["a", "b", "later", "later"])
    partition = TopicPartition(broker.namespace + FIRST.name, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([partition])
        opened = KafkaTopicReader(consumer, broker.namespace, begin={partition: 0}, end={partition: 2})
        assert (await opened.total(), [message.value for message in await read(opened)]) == (2, [b"a", b"b"])
    finally:
        await consumer.stop()


async def test_more_than_a_batch_comes_in_batches(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_MESSAGES", 10)
    await broker.send([str(n) for n in range(25)])
    async with open_reader(broker.address, (FIRST,), since_ms=None, namespace=broker.namespace) as opened:
        batches = [[int(message.value) for message in batch] async for batch in opened.read()]
    assert max(map(len, batches)) == 10
    assert [number for batch in batches for number in batch] == list(range(25))


async def test_since_an_instant(broker: Broker) -> None:
    await broker.send(["before"], partition=0)
    await broker.send(["before"], partition=1)
    await asyncio.sleep(0.01)  # Kafka's timestamps are whole milliseconds
    since_ms = time.time_ns() // 1_000_000
    await broker.send(["after"], partition=1)
    assert await stretch(broker, since_ms) == (["after"], 1)
    assert await stretch(broker, since_ms + 3_600_000) == ([], 0)
    assert (await stretch(broker, 0))[1] == 3


async def test_empty_topics_are_read_at_once(broker: Broker) -> None:
    assert await stretch(broker) == ([], 0)


async def test_markers_and_aborted_messages_at_the_end_do_not_keep_it_waiting(broker: Broker) -> None:
    await broker.transaction(["a"])
    await broker.transaction(["lost", "lost"], commit=False)
    await broker.transaction(["lost"], partition=1, commit=False)
    assert await stretch(broker) == (["a"], 7)


async def test_a_missing_topic_is_named(broker: Broker) -> None:
    with pytest.raises(Refused, match="topic third does not exist"):
        async with open_reader(
            broker.address, (FIRST, Topic("third", 1, "delete")), since_ms=None, namespace=broker.namespace
        ):
            pytest.fail("it opened")


async def test_nobody_listens() -> None:
    with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
        async with open_reader("127.0.0.1:1", (FIRST,), since_ms=None):
            pytest.fail("it opened")
