"""Messages handed to aiokafka in whole batches: a `send` and a future for each costs as much as making the message."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

MAX_MESSAGE_BYTES = 1_048_576
"""aiokafka's own default, and just under the broker's (message.max.bytes, 1 MiB + 12)."""

MAX_BATCH_BYTES = 262_144
"""Per partition. aiokafka's 16 KiB would send 500 changes in dozens of round trips, one after the other."""

_PARTITIONER = DefaultPartitioner()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`topic` is the name on the broker."""

    topic: str
    key: bytes
    value: bytes
    partition: int | None = None


async def send_batches(producer: AIOKafkaProducer, messages: Sequence[Outgoing], sent: list[Future[object]]) -> None:
    """Hands over what `send` would, adding a future per batch to `sent`; what has one key stays in order."""
    for (topic, partition), group in (await _by_partition(producer, messages)).items():
        for batch in _batches(producer, group):
            sent += [await producer.send_batch(batch, topic, partition=partition)]


async def _by_partition(
    producer: AIOKafkaProducer, messages: Sequence[Outgoing]
) -> dict[tuple[str, int], list[Outgoing]]:
    """Where `send` would put them one by one, which costs as much as all the rest of capturing an event."""
    topics = {message.topic for message in messages}
    partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in topics}
    grouped: dict[tuple[str, int], list[Outgoing]] = {}
    for m in messages:
        partition = _PARTITIONER(m.key, partitions[m.topic], ()) if m.partition is None else m.partition
        grouped.setdefault((m.topic, partition), []).append(m)
    return grouped


def _batches(producer: AIOKafkaProducer, messages: Iterable[Outgoing]) -> Iterator[BatchBuilder]:
    """In their order. A batch takes its first message whatever its size."""
    batch = producer.create_batch()
    for message in messages:
        if batch.append(key=message.key, value=message.value, timestamp=None) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=message.key, value=message.value, timestamp=None)
    yield batch
