"""The one way to retry: bounded, jittered, only what may heal by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from workers.ports import Unavailable

T = TypeVar("T")

BUDGET_SECONDS = 120.0
"""How long a step waits in place for what it needs before the process ends and the work comes again elsewhere."""


async def patiently(call: Callable[[], Awaitable[T]], budget_seconds: float = BUDGET_SECONDS) -> T:
    """Call until it does not raise Unavailable; raises the last Unavailable when the budget is spent."""
    async for attempt in stamina.retry_context(
        on=Unavailable, attempts=None, timeout=budget_seconds, wait_initial=0.1, wait_max=5.0
    ):
        with attempt:
            return await call()
    raise AssertionError("unreachable: the retry context raises when its budget is spent")
