"""`workers.ports.TopicReader`: frozen end offsets, read_committed, no group."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import Topic
from workers.adapters.kafka.topics import admin, topic_name, unavailable
from workers.ports import Message, Refused

BATCH_MESSAGES = 1000


class KafkaTopicReader:
    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        namespace: str,
        begin: dict[TopicPartition, int],
        end: dict[TopicPartition, int],
    ) -> None:
        self._consumer = consumer
        self._namespace = namespace
        self._begin = begin
        self._end = end

    async def total(self) -> int:
        return sum(self._end[tp] - self._begin[tp] for tp in self._begin)

    async def read(self) -> AsyncIterator[Sequence[Message]]:
        """Finishes on the position, not on the last message: markers and aborted messages take offsets too."""
        unfinished = set(self._begin)
        while unfinished:
            fetched = await self._consumer.getmany(timeout_ms=500, max_records=BATCH_MESSAGES)
            for tp, records in fetched.items():
                topic = tp.topic.removeprefix(self._namespace)
                wanted = [message_of(topic, r) for r in records if r.offset < self._end[tp]]
                if wanted:
                    yield wanted
            for tp in list(unfinished):
                if await self._consumer.position(tp) >= self._end[tp]:
                    self._consumer.pause(tp)
                    unfinished.discard(tp)


def message_of(topic: str, record: ConsumerRecord) -> Message:
    """A tombstone is an empty value, which no reader takes for a message of its own."""
    return Message(topic, record.partition, record.offset, record.key, record.value or b"")


@asynccontextmanager
async def open_reader(
    bootstrap_servers: str, topics: Sequence[Topic], *, since_ms: int | None, namespace: str = ""
) -> AsyncIterator[KafkaTopicReader]:
    """A reader from the first message at or after `since_ms` (None: the earliest kept) to what is there now.

    Raises Unavailable when no broker answers, Refused when a topic does not exist.
    """
    partitions = await partitions_of(bootstrap_servers, namespace, topics)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
        end = await consumer.end_offsets(partitions)
        begin = await begin_offsets(consumer, partitions, since_ms)
        todo = {tp: offset for tp, offset in begin.items() if offset < end[tp]}
        for tp in partitions:
            consumer.seek(tp, todo.get(tp, end[tp]))
        consumer.pause(*(tp for tp in partitions if tp not in todo))
        yield KafkaTopicReader(consumer, namespace, todo, end)
    except KafkaError as error:
        raise unavailable(bootstrap_servers, error) from error
    finally:
        await consumer.stop()


async def partitions_of(bootstrap_servers: str, namespace: str, topics: Sequence[Topic]) -> list[TopicPartition]:
    """Asked beforehand: a consumer waits 40 s for a topic that does not exist, and then does not say which."""
    async with admin(bootstrap_servers) as client:
        described = await client.describe_topics([topic_name(namespace, topic) for topic in topics])
    found = {TopicPartition(topic["topic"], each["partition"]) for topic in described for each in topic["partitions"]}
    existing = {tp.topic for tp in found}
    if missing := [topic.name for topic in topics if topic_name(namespace, topic) not in existing]:
        raise Refused(f"topic {missing[0]} does not exist: start `segment-sync capture` once, or check KAFKA_NAMESPACE")
    return sorted(found)


async def begin_offsets(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], since_ms: int | None
) -> dict[TopicPartition, int]:
    if since_ms is None:
        offsets: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
        return offsets
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
    return {tp: at.offset for tp, at in found.items() if at is not None}
