"""Work that goes on while the next is prepared, so much of it at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from types import TracebackType


class InFlight:
    """Left in order, all of it is done; what fails ends the block, and with it the rest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: deque[asyncio.Task[None]] = deque()

    async def __aenter__(self) -> InFlight:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while error is None and self._tasks:
                await self._oldest()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def add(self, work: Coroutine[None, None, None]) -> None:
        """Begin it; before that, with as much under way as may be, wait for the oldest."""
        self._tasks.append(asyncio.create_task(work))
        if len(self._tasks) == self._limit:
            await self._oldest()

    async def _oldest(self) -> None:
        await self._tasks[0]  # still among those that are cancelled and waited for when it fails
        self._tasks.popleft()
