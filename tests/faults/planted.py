"""Bugs that others have had, to be planted in a worker process: an oracle that misses them proves nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from aiocometd_ng.exceptions import ServerError
from aiokafka import AIOKafkaProducer

from schemas.topics import SHARDS
from workers.adapters.kafka import changelog
from workers.adapters.kafka.changelog import KafkaChangeLog
from workers.adapters.kafka.shards import KafkaShardOwnership
from workers.adapters.salesforce import cometd
from workers.adapters.salesforce.names import CHANNEL
from workers.capture.stream import attempt


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
    # A second line of defence that would hide the bug where a take-over takes long: an append that was frozen gives up.
    instead(changelog, "APPEND_SECONDS", 300.0)


def checkpoint_ahead_of_data() -> None:
    """Positions are committed before the changes that they stand for."""
    append = KafkaChangeLog.append

    async def in_two(log: KafkaChangeLog, changes: Any, positions: Any, parked: Any = ()) -> None:
        await append(log, (), positions)
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
