"""How often capture looks, how long it waits, how it reads."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    connections_seconds: float = 1.0
    """Between two looks at which teams were connected since the last one: three small queries."""
    backoff_base_seconds: float = 0.5
    backoff_cap_seconds: float = 30.0
    """Salesforce drops a CometD session that is away for 40 s anyway; longer pauses only add delay."""
    scale: float = 1.0
    """Of a session's pauses, which `core.session_machine` decides; tests shorten them."""
    healthy_seconds: float = 30.0
    """A session that lasted this long starts its next backoff from the beginning."""
    failed_query_cap_seconds: float = 300.0
    """An org has a daily number of Bulk query jobs (10,000): one that keeps failing must not use them up."""
    budget_seconds: float = 60.0
    """Until an import that has used up our share of an org's API requests looks again: it frees up over 24 hours."""
    rest_records: int = 2_000
    """From so many on Salesforce advises Bulk API 2.0 (its Developer Guide); also one page of a REST query."""
    upkeep_seconds: float = 300.0
    headroom_hours: float = 12.0
    """Unread events that expire within so many hours are read by queries instead."""
    lists_seconds: float = 5.0
    """Between two looks at which lists are in use and due: one small query for all teams."""
    list_interval_seconds: float = 3600.0
    """Between two comparisons of a list with the org: two or three calls of the 15,000 that a small org has a day."""
    survivors_seconds: float = 30.0
    """From one question about deleted records to the next: whoever deletes one record after the other all day long
    costs one call for each such pause, not for each record."""
    query_poll_seconds: float = 0.2
    query_poll_cap_seconds: float = 2.0
    progress_seconds: float = 0.5
    fenced_seconds: float = 15.0
    """A fenced producer is also what a transaction that timed out looks like. Longer than the session timeout of the
    consumer group (10 s), so that a shard that is still owned after it really is, and two workers do not take it from
    each other for ever."""


class Backoff:
    """Full jitter: a random pause up to a limit that doubles, so that many sessions do not come back at once."""

    def __init__(self, base_seconds: float, cap_seconds: float) -> None:
        self._base_seconds = base_seconds
        self._cap_seconds = cap_seconds
        self._attempts = 0

    @classmethod
    def of(cls, pace: Pace) -> Backoff:
        return cls(pace.backoff_base_seconds, pace.backoff_cap_seconds)

    def reset(self) -> None:
        self._attempts = 0

    @contextmanager
    def healthy_after(self, seconds: float) -> Iterator[None]:
        """Start from the beginning again when what is inside lasted long enough to count as having worked."""
        began = asyncio.get_running_loop().time()
        yield
        if asyncio.get_running_loop().time() - began > seconds:
            self.reset()

    def next_seconds(self) -> float:
        # 2 ** 16 times any base is past any cap; without a limit the power overflows a float after a day of outage.
        limit = min(self._cap_seconds, self._base_seconds * 2 ** min(self._attempts, 16))
        self._attempts += 1
        return random.uniform(0, limit)  # noqa: S311 - spreads load, guards nothing

    async def pause(self) -> None:
        await asyncio.sleep(self.next_seconds())
