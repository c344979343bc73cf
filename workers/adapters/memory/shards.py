"""Ownership of shards that is simply told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable


class MemoryShardOwnership:
    def __init__(self, shards: Iterable[int] | None = None) -> None:
        self._assigned: asyncio.Queue[frozenset[int]] = asyncio.Queue()
        if shards is not None:
            self.assign(shards)

    def assign(self, shards: Iterable[int]) -> None:
        """What `assignments` yields next."""
        self._assigned.put_nowait(frozenset(shards))

    async def assignments(self) -> AsyncIterator[frozenset[int]]:
        while True:
            yield await self._assigned.get()
