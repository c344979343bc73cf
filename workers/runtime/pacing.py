"""How fast something may be begun: a token bucket, with its waiting line."""

from __future__ import annotations

import asyncio


class Pacing:
    """`rate` turns a second on average, up to `burst` at once. In the order in which they were asked for."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._free_at_seconds = 0.0
        """When the bucket was, or will be, without any debt and empty."""

    async def turn(self) -> None:
        """Returns when it is one's turn. Who is cancelled while waiting has used it up."""
        now_seconds = asyncio.get_running_loop().time()
        full_at_seconds = now_seconds - self._burst / self._rate
        self._free_at_seconds = max(self._free_at_seconds, full_at_seconds) + 1 / self._rate
        if self._free_at_seconds > now_seconds:
            await asyncio.sleep(self._free_at_seconds - now_seconds)
