"""Bugs that others have had, to be planted in a worker process: an oracle that misses them proves nothing.

And the points of a transaction at which a worker can be made to vanish.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from aiocometd_ng.exceptions import ServerError
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from schemas.topics import SHARDS
from workers.adapters.kafka import changelog
from workers.adapters.kafka.changelog import KafkaChangeLog
from workers.adapters.kafka.shards import KafkaShardOwnership
from workers.adapters.salesforce import cometd
from workers.adapters.salesforce.names import CHANNEL
from workers.capture import attempt

SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}

POINTS = ("before send", "after first send", "before commit", "during commit", "after commit", "after append")


def instead(owner: object, name: str, replacement: object) -> None:
    """What has this name in a module or class is something else from now on."""
    assert hasattr(owner, name)
    setattr(owner, name, replacement)


def commit_before_the_futures() -> None:
    """A record that the broker refused is missing from a transaction that was committed."""

    async def publish(producer: AIOKafkaProducer, messages: Sequence[Any]) -> None:
        await producer.begin_transaction()
        for m in messages:
            future = await producer.send(m.topic, m.value, key=m.key, partition=m.partition)
            future.add_done_callback(changelog._retrieve)
        await producer.commit_transaction()

    instead(changelog, "_publish", publish)


def new_events_after_a_bad_replay_id() -> None:
    """What was committed between the lost position and the new subscription is never read."""
    instead(attempt, "resume_from", lambda position: position.replay_id if position else None)
    instead(attempt, "owed_after_silence", lambda _position, _now_ms: None)


def no_fencing() -> None:
    """Every process has transactional ids of its own: who was frozen commits what others have committed."""

    def producer(*arguments: Any, transactional_id: str, **options: Any) -> AIOKafkaProducer:
        return AIOKafkaProducer(*arguments, transactional_id=f"{transactional_id}-{os.getpid()}", **options)

    instead(changelog, "AIOKafkaProducer", producer)


def checkpoint_ahead_of_data() -> None:
    """Positions are committed before the changes that they stand for."""
    append = KafkaChangeLog.append
    killed = Path("/proc/self/fd/2").resolve().with_suffix(".killed")
    with_changes = 0

    async def in_two(log: KafkaChangeLog, changes: Any, positions: Any, parked: Any = ()) -> None:
        nonlocal with_changes
        await append(log, (), positions)
        with_changes += bool(changes)
        if with_changes == 3 and not killed.exists():  # once in the worker's lives, where it matters
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        await append(log, changes, (), parked)

    instead(KafkaChangeLog, "append", in_two)


def ignored_refusal_to_subscribe() -> None:
    """The session looks healthy, and one of its channels is silent for ever."""

    async def subscribe(session: Any) -> dict[Any, Any]:
        for channel in CHANNEL.values():
            try:
                await session._client.subscribe(channel)
            except ServerError:
                continue
        return {}

    instead(cometd._Session, "_subscribe", subscribe)


BUGS: dict[str, Callable[[], None]] = {
    "commit before the futures": commit_before_the_futures,
    "-1 on a bad replay id": new_events_after_a_bad_replay_id,
    "no fencing": no_fencing,
    "checkpoint ahead of data": checkpoint_ahead_of_data,
    "ignored refused re-subscribe": ignored_refusal_to_subscribe,
}


def believe_to_own_everything(seconds: float) -> None:
    """See `child.Orders.illusion_seconds`."""
    told = KafkaShardOwnership.assignments

    async def assignments(ownership: KafkaShardOwnership) -> AsyncIterator[frozenset[int]]:
        yield frozenset(range(SHARDS))
        await asyncio.sleep(seconds)
        async for owned in told(ownership):
            yield owned

    instead(KafkaShardOwnership, "assignments", assignments)


def stop_at(order: str) -> None:
    """See `child.Orders.stop_at`."""
    what, point, number = order.split(":")
    countdown = _Countdown(point, int(number), SIGNALS[what])
    publish, append = changelog._publish, KafkaChangeLog.append

    async def published(producer: AIOKafkaProducer, messages: Sequence[Any]) -> None:
        await publish(_Pointed(producer, countdown), messages)

    async def appended(log: KafkaChangeLog, changes: Any, positions: Any, parked: Any = ()) -> None:
        await append(log, changes, positions, parked)
        countdown.at("after append")

    instead(changelog, "_publish", published)
    instead(KafkaChangeLog, "append", appended)


class _Countdown:
    def __init__(self, point: str, number: int, number_of_signal: signal.Signals) -> None:
        self._point = point
        self._left = number
        self._signal = number_of_signal

    def at(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._signal)


class _Pointed:
    """A producer that passes the points of a transaction."""

    def __init__(self, producer: AIOKafkaProducer, countdown: _Countdown) -> None:
        self._producer = producer
        self._countdown = countdown
        self._sent = 0

    async def begin_transaction(self) -> None:
        await self._producer.begin_transaction()
        self._countdown.at("before send")

    async def partitions_for(self, topic: str) -> set[int]:
        partitions: set[int] = await self._producer.partitions_for(topic)
        return partitions

    def create_batch(self) -> BatchBuilder:
        return self._producer.create_batch()

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> Any:
        future = await self._producer.send_batch(batch, topic, partition=partition)
        self._sent += 1
        if self._sent == 1:
            await future
            self._countdown.at("after first send")
        return future

    async def commit_transaction(self) -> None:
        self._countdown.at("before commit")
        committing = asyncio.create_task(self._producer.commit_transaction())
        await asyncio.sleep(0.002)  # the request is under way, or just about to be
        self._countdown.at("during commit")
        await committing
        self._countdown.at("after commit")
