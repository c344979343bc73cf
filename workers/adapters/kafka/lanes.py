"""Which batch comes next while others are being handled: partitions side by side, each of them in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar


class Stretch(Protocol):
    """Consecutive messages of a partition."""

    @property
    def partition(self) -> int: ...
    @property
    def records(self) -> Sequence[object]: ...


S = TypeVar("S", bound=Stretch)


class Lanes(Generic[S]):
    """Of one topic. `put` waits while `room` messages wait; no partition is in two batches at a time, so that an
    acknowledged message has none before it that is still to be handled."""

    def __init__(self, batch: int, room: int) -> None:
        self._batch = batch
        self._room = room
        self._waiting: dict[int, deque[S]] = {}
        self._messages = 0
        self._busy: set[int] = set()
        self._changed = asyncio.Condition()

    async def put(self, stretch: S) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._messages < self._room)
            self._waiting.setdefault(stretch.partition, deque()).append(stretch)
            self._messages += len(stretch.records)
            self._changed.notify_all()

    async def take(self) -> list[S]:
        """At least one stretch, and more up to a batch: those that have waited longest first."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._busy.issuperset(self._waiting))
            taken = self._next()
            self._busy |= {stretch.partition for stretch in taken}
            self._changed.notify_all()
            return taken

    async def done(self, batch: Sequence[S]) -> None:
        async with self._changed:
            self._busy -= {stretch.partition for stretch in batch}
            self._changed.notify_all()

    def _next(self) -> list[S]:
        taken: list[S] = []
        messages = 0
        for partition in [each for each in self._waiting if each not in self._busy]:
            lane = self._waiting[partition]
            while lane and (not taken or messages + len(lane[0].records) <= self._batch):
                messages += len(lane[0].records)
                taken.append(lane.popleft())
        for partition in dict.fromkeys(stretch.partition for stretch in taken):
            if lane := self._waiting.pop(partition):
                self._waiting[partition] = lane  # now the last in turn
        self._messages -= messages
        return taken
