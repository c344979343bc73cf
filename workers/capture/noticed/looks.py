"""What changed since the last look; now and then everything."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workers.ports import Store

WHOLE_SECONDS = 600.0
"""Between two looks at everything: heals whatever `written_since` may miss, such as a document that a process of an
older version wrote."""


class Looks:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._since: int | None = None
        self._whole_at = 0.0

    @asynccontextmanager
    async def look(self) -> AsyncIterator[int | None]:
        """Since which moment to look; None: at everything. A look that fails is made up for by the next."""
        loop = asyncio.get_running_loop()
        began = await self._store.moments.now()
        whole = self._since is None or loop.time() >= self._whole_at
        yield None if whole else self._since
        self._since = began
        if whole:
            # Many processes are started together.
            self._whole_at = loop.time() + random.uniform(0.5, 1.5) * WHOLE_SECONDS  # noqa: S311 - spreads load
