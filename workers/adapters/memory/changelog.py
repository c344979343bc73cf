"""Change topics and positions in memory, with the fencing and the all-or-nothing of the real ones."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from schemas.events import Change, Entity, Parked, Position
from workers.core.capture.oversize import fitting
from workers.ports import Fenced, Unavailable

MAX_MESSAGE_BYTES = 1_048_576
"""As of the Kafka adapter."""


class MemoryTopics:
    """The broker: what committed transactions left behind, in order. `transactions` is the same, one by one."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.parked: list[Parked] = []
        self.positions: dict[int, dict[tuple[str, Entity], Position]] = defaultdict(dict)
        self.transactions: list[tuple[tuple[Change, ...], tuple[Position, ...]]] = []
        self.epochs: dict[int, int] = defaultdict(int)
        self.failures: list[Exception] = []
        """Raised by the next appends, one each, instead of committing."""
        self.outage: Exception | None = None
        """Raised by every open while it is set."""
        self.gate = asyncio.Event()
        """Commits wait for it."""
        self.gate.set()

    async def open(self, shard: int, max_message_bytes: int = MAX_MESSAGE_BYTES) -> MemoryChangeLog:
        """Take a shard over from whoever had it."""
        if self.outage is not None:
            raise self.outage
        self.epochs[shard] += 1
        return MemoryChangeLog(self, shard, self.epochs[shard], max_message_bytes)


class MemoryChangeLog:
    def __init__(self, topics: MemoryTopics, shard: int, epoch: int, max_message_bytes: int) -> None:
        self._topics = topics
        self._shard = shard
        self._epoch = epoch
        self._max_message_bytes = max_message_bytes
        self._usable = True

    async def positions(self) -> dict[tuple[str, Entity], Position]:
        self._require_usable()
        return dict(self._topics.positions[self._shard])

    async def append(
        self, changes: Sequence[Change], positions: Sequence[Position], parked: Sequence[Parked] = ()
    ) -> None:
        self._require_usable()
        self._usable = False
        await self._topics.gate.wait()
        if self._topics.epochs[self._shard] != self._epoch:
            raise Fenced(f"another worker has taken over shard {self._shard}")
        if self._topics.failures:
            raise self._topics.failures.pop(0)
        self._usable = True
        self._commit(changes, positions, parked)

    async def close(self) -> None:
        self._usable = False

    def _commit(self, changes: Sequence[Change], positions: Sequence[Position], parked: Sequence[Parked]) -> None:
        sent, oversize = fitting(changes, self._max_message_bytes)
        fitted = tuple(change for change, _ in sent)
        self._topics.changes += fitted
        self._topics.parked += [*parked, *oversize]
        self._topics.positions[self._shard].update({(p.team, p.entity): p for p in positions})
        self._topics.transactions.append((fitted, tuple(positions)))

    def _require_usable(self) -> None:
        if not self._usable:
            raise Unavailable(f"the change log of shard {self._shard} is closed or failed before: open it again")
