"""The change topics and the positions of one shard, in Kafka transactions.

What aiokafka 0.14 does and this works around (each seen on Kafka 4.1 and 4.4): a record that the broker refuses fails
only its own future and the commit goes through without it; after any error the producer's sequence numbers may be
wrong; a commit that raises may have happened; a fenced producer answers `abort` with an AssertionError. Hence: sizes
are checked before sending, every future is awaited before the commit, and after any error the producer is thrown away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, KafkaError, ProducerFenced
from aiokafka.producer import sender
from pydantic import ValidationError

from schemas.events import Change, Entity, Parked, Position
from schemas.topics import CHANGES, PARKED, POSITIONS, Topic
from workers.adapters.kafka.batches import MAX_BATCH_BYTES, MAX_MESSAGE_BYTES, Outgoing, send_batches
from workers.adapters.kafka.topics import reachable, topic_name, unavailable
from workers.core.capture.oversize import fitting
from workers.ports import Fenced, Refused, Unavailable

TRANSACTION_TIMEOUT_MS = 20_000
"""After this the broker aborts what a vanished worker left open; until then readers of the partitions wait for it."""

REQUEST_TIMEOUT_MS = 10_000
APPEND_SECONDS = 20.0
"""An idempotent producer retries for ever by itself; past the transaction's timeout it cannot succeed any more."""

OPEN_SECONDS = 30.0
"""Longer than the transaction timeout: a predecessor's transaction may have to end first."""

DISCARD_SECONDS = 2.0
sender.BACKOFF_OVERRIDE = 0.005
"""Seconds after which aiokafka asks again whether the broker has ended the last transaction, which takes it some
milliseconds. The default of 20 ms is half of the time from an event to its commit."""

FAILURES = (KafkaError, IllegalOperation, TimeoutError, AssertionError)
"""What aiokafka raises from a transaction. The second and the last are no KafkaErrors: its state machine refuses a call
because of an error that its sender met before."""


class KafkaChangeLog:
    """`workers.ports.ChangeLog` of one shard. Made by `open_change_log`."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        bootstrap_servers: str,
        namespace: str,
        shard: int,
        positions: dict[tuple[str, Entity], Position],
        max_message_bytes: int,
    ) -> None:
        self._producer = producer
        self._bootstrap_servers = bootstrap_servers
        self._namespace = namespace
        self._shard = shard
        self._positions = positions
        self._max_message_bytes = max_message_bytes
        self._usable = True

    async def positions(self) -> dict[tuple[str, Entity], Position]:
        """As read when the log was opened plus what was committed since: nobody else can write to the shard."""
        self._require_usable()
        return dict(self._positions)

    async def append(
        self, changes: Sequence[Change], positions: Sequence[Position], parked: Sequence[Parked] = ()
    ) -> None:
        self._require_usable()
        messages = self._messages(changes, positions, parked)
        if not messages:
            return
        self._usable = False
        try:
            async with asyncio.timeout(APPEND_SECONDS):
                await _publish(self._producer, messages)
        except FAILURES as error:
            fenced = _is_fenced(self._producer, error)
            await _discard(self._producer)
            raise self._translated(error, fenced=fenced) from error
        except BaseException:
            await _discard(self._producer)
            raise
        self._usable = True
        self._positions.update({(p.team, p.entity): p for p in positions})

    async def close(self) -> None:
        self._usable = False
        await _discard(self._producer)

    def _require_usable(self) -> None:
        if not self._usable:
            raise Unavailable(f"the change log of shard {self._shard} is closed or failed before: open it again")

    def _messages(
        self, changes: Sequence[Change], positions: Sequence[Position], parked: Sequence[Parked]
    ) -> list[Outgoing]:
        sent, oversize = fitting(changes, self._max_message_bytes)
        return [
            *(
                Outgoing(self._topic(CHANGES[change.entity]), f"{change.team}:{change.record_id}".encode(), value)
                for change, value in sent
            ),
            *(
                Outgoing(self._topic(PARKED), f"{p.team}:{p.replay_id or ''}".encode(), p.model_dump_json().encode())
                for p in (*parked, *oversize)
            ),
            *(Outgoing(self._topic(POSITIONS), _key(p), p.model_dump_json().encode(), self._shard) for p in positions),
        ]

    def _topic(self, topic: Topic) -> str:
        return topic_name(self._namespace, topic)

    def _translated(self, error: Exception, *, fenced: bool) -> Fenced | Unavailable:
        if fenced:
            # Also what a transaction that timed out looks like: the caller makes sure that it still owns the shard.
            return Fenced(f"another worker has taken over shard {self._shard}")
        return unavailable(self._bootstrap_servers, error)


async def open_change_log(
    bootstrap_servers: str, shard: int, namespace: str = "", max_message_bytes: int = MAX_MESSAGE_BYTES
) -> KafkaChangeLog:
    """Take the shard over: whoever held it can no longer commit. Then read its positions.

    Raises Unavailable when no broker answers.
    """
    await reachable(bootstrap_servers)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        client_id=f"{namespace}capture-{shard}",
        transactional_id=f"{namespace}capture-{shard}",
        transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        acks="all",
        linger_ms=0,
        max_batch_size=min(MAX_BATCH_BYTES, max_message_bytes),
        max_request_size=max_message_bytes,
    )
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await producer.start()
            positions = await _read_positions(bootstrap_servers, topic_name(namespace, POSITIONS), shard)
    except (KafkaError, TimeoutError) as error:
        await _discard(producer)
        raise unavailable(bootstrap_servers, error) from error
    except BaseException:
        await _discard(producer)
        raise
    return KafkaChangeLog(producer, bootstrap_servers, namespace, shard, positions, max_message_bytes)


async def _publish(producer: AIOKafkaProducer, messages: Sequence[Outgoing]) -> None:
    """All or nothing. On any exception the producer must not be used again."""
    await producer.begin_transaction()
    sent: list[asyncio.Future[object]] = []
    try:
        await send_batches(producer, messages, sent)
        # Every outcome is looked at: a batch that failed does not stop the commit of the others.
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
    except BaseException:
        for future in sent:
            future.add_done_callback(_retrieve)
        raise
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    await producer.commit_transaction()


def _is_fenced(producer: AIOKafkaProducer, error: Exception) -> bool:
    """Whoever is fenced and does not notice would open the log again and take it from its new owner.

    The call that fails is not always the one that is told: once the sender has learnt that it is fenced, `send` says
    "not in transaction" (IllegalOperation), and the reason lies in the future of the transaction's end.
    """
    end = producer._txn_manager.wait_for_transaction_end()
    reason = end.exception() if end is not None and end.done() and not end.cancelled() else None
    return isinstance(error, ProducerFenced | InvalidProducerEpoch) or isinstance(
        reason, ProducerFenced | InvalidProducerEpoch
    )


async def _discard(producer: AIOKafkaProducer) -> None:
    """Abort what is open and stop. Best effort: what it cannot abort, the next owner of the shard does."""
    with suppress(*FAILURES):
        async with asyncio.timeout(DISCARD_SECONDS):
            if producer._txn_manager.is_in_transaction():
                await producer.abort_transaction()
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            await producer.stop()
    await _end_sender(producer)
    await producer.client.close()
    for future in _left_behind(producer):
        _retrieve(future)


async def _end_sender(producer: AIOKafkaProducer) -> None:
    """Make an end of what aiokafka keeps trying in the background when the broker hangs while a producer is stopped.

    Its sender answers a cancellation by waiting for its requests, which wait for the broker; another one ends those.
    """
    sender = producer._sender.sender_task
    while sender is not None and not sender.done():
        sender.cancel()
        await asyncio.wait([sender], timeout=0.05)
    producer._message_accumulator.fail_all(KafkaError("the producer was discarded"))


def _left_behind(producer: AIOKafkaProducer) -> Iterator[asyncio.Future[object] | None]:
    """aiokafka's own futures that fail with a fenced producer and that nobody awaits."""
    yield producer._txn_manager.wait_for_transaction_end()
    accumulator = producer._message_accumulator
    for batch in chain(accumulator._pending_batches, *accumulator._batches.values()):
        yield batch._drain_waiter


def _retrieve(future: asyncio.Future[object] | None) -> None:
    """Look at a failure that is known already, which asyncio otherwise reports as never retrieved."""
    if future is not None and future.done() and not future.cancelled():
        future.exception()


# --- positions -------------------------------------------------------------------------------------------------------


def _key(position: Position) -> bytes:
    return f"{position.team}:{position.entity}".encode()


async def _read_positions(bootstrap_servers: str, topic: str, shard: int) -> dict[tuple[str, Entity], Position]:
    """The last position of each key. Complete, since the predecessor was fenced before the end was looked up.

    Waits for a transaction that somebody else has left open on the partition: what was committed after it began cannot
    be read before it ends, and whoever starts from older positions publishes again what has been published.
    """
    partition = TopicPartition(topic, shard)
    end = await _end(bootstrap_servers, partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    positions: dict[tuple[str, Entity], Position] = {}
    try:
        await consumer.start()
        consumer.assign([partition])
        # The end is past the last transaction marker, so the consumer's position counts, not an offset of a record.
        while await consumer.position(partition) < end:
            for record in (await consumer.getmany(partition, timeout_ms=200)).get(partition, ()):
                position = _decoded(record.value, topic, record.offset)
                positions[position.team, position.entity] = position
    finally:
        await consumer.stop()
    return positions


async def _end(bootstrap_servers: str, partition: TopicPartition) -> int:
    """Of all that is written: a reader of what is committed is told of an end before the first open transaction."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, group_id=None, request_timeout_ms=REQUEST_TIMEOUT_MS
    )
    try:
        await consumer.start()
        ends: dict[TopicPartition, int] = await consumer.end_offsets([partition])
    finally:
        await consumer.stop()
    return ends[partition]


def _decoded(value: bytes, topic: str, offset: int) -> Position:
    """Raises Refused: capture must not start from a position that it cannot read."""
    try:
        return Position.model_validate_json(value)
    except ValidationError as error:
        raise Refused(f"{topic}, offset {offset}: not a position ({error.error_count()} errors)") from error
