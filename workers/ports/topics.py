"""What is written to topics and read from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.events import Change, Entity, MembershipChange, Parked, Position, Reevaluation, Score


class Publisher(Protocol):
    """Topics that routing and the command line write to; returns when every message is acknowledged by all replicas."""

    async def memberships(self, changes: Sequence[MembershipChange]) -> None: ...

    async def reevaluations(self, commands: Sequence[Reevaluation]) -> None: ...

    async def park(self, messages: Sequence[Parked]) -> None: ...


class ScorePublisher(Protocol):
    """The topic of scores; returns as `Publisher` does."""

    async def scores(self, scores: Sequence[Score]) -> None:
        """Their keys in the normal form: the topic keeps the last of each."""


class ChangeLog(Protocol):
    """The change topics and the positions of one shard, written together: all of a call becomes visible, or nothing.

    Raises `Fenced` when another worker has taken the shard over, `Unavailable` when the outcome is unknown or failed:
    after either the log must be opened again and the positions read anew.
    """

    async def positions(self) -> dict[tuple[str, Entity], Position]:
        """Every position of the shard as last committed."""

    async def append(
        self, changes: Sequence[Change], positions: Sequence[Position], parked: Sequence[Parked] = ()
    ) -> None: ...

    async def close(self) -> None: ...


class ShardOwnership(Protocol):
    """Which shards this process captures, as agreed with the other capture processes."""

    def assignments(self) -> AsyncIterator[frozenset[int]]:
        """All shards owned: once they are known, then after every change.

        Only a hint: for some seconds two processes may believe that they own a shard. Opening its `ChangeLog` decides.
        Raises `Unavailable`; what was owned may then be kept until it is `Fenced`.
        """


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it lies in a topic; `topic` is the name of `schemas.topics`, without a namespace."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    """Empty for a tombstone of a compacted topic."""


Handler = Callable[[Sequence[Message]], Awaitable[None]]


class Processor(Protocol):
    """Reads topics as a member of a consumer group, committed messages only."""

    @property
    def ready(self) -> bool:
        """Partitions are assigned and being read."""

    async def run(self, handle: Handler, stop: asyncio.Event) -> None:
        """Hand batches of each topic to `handle`, in offset order per partition, until `stop`.

        A message is acknowledged when `handle` has returned, in order, never before. A batch is what arrived while the
        one before was handled: no fixed wait. When `handle` raises, nothing of the batch is acknowledged and `run`
        raises the same: the messages come again after a restart.
        """


class TopicReader(Protocol):
    """Reads a bounded stretch of topics without a consumer group: nobody's offsets move."""

    async def total(self) -> int:
        """Offsets in the stretch: an upper bound of the messages, since markers and compacted ones count too."""

    def read(self) -> AsyncIterator[Sequence[Message]]:
        """Committed messages up to the end offsets that were frozen when the reader was opened, in batches of one
        topic, in offset order per partition."""
