"""Waiting for what another task, process or server does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 20.0
"""A test that hangs fails here, with the line of what it waited for, before the runner's own time limit."""


async def until(
    condition: Callable[[], bool | Awaitable[bool]], patience_seconds: float = PATIENCE_SECONDS, pause: float = 0.005
) -> None:
    """Return once the condition, plain or awaitable, holds; raises TimeoutError."""
    async with asyncio.timeout(patience_seconds):
        while not (await held if isinstance(held := condition(), Awaitable) else held):  # noqa: ASYNC110
            await asyncio.sleep(pause)
