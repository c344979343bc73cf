"""Background work waits here while our share of an org's daily API requests is used up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from workers.capture.pace import Pace
from workers.ports import SalesforceOrg

USED_UP = "our share of the org's daily API requests is used up"


async def within_budget(org: SalesforceOrg, pace: Pace, waits: Callable[[str], None] = lambda _: None) -> None:
    """Return once there is something left of it; `waits` is told why not, at each look."""
    while org.background_calls_left() == 0:
        waits(USED_UP)
        await asyncio.sleep(pace.budget_seconds)
