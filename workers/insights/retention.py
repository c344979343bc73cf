"""Rows of old runs are forgotten; the runs with their figures stay."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from workers.insights.metrics import FORGOTTEN
from workers.ports import Clock, Store
from workers.runtime.retry import patiently

DAYS = 90

PAGE = 50
"""Packs deleted together: a run of a million rows is forgotten in small steps."""


class Retention:
    def __init__(self, store: Store, clock: Clock, days: int = DAYS) -> None:
        self._store = store
        self._clock = clock
        self._days = days
        self._swept_before = ""

    async def sweep(self, teams: Iterable[str]) -> None:
        """Once a day and process; the others ask nothing."""
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()
        before = (today - timedelta(days=self._days)).isoformat()
        if before == self._swept_before:
            return
        for team in teams:
            while number := await self._forget(team, before):
                FORGOTTEN.inc(number)
        self._swept_before = before

    async def _forget(self, team: str, before: str) -> int:
        return await patiently(lambda: self._store.writeback_pack_queries.forget(team, before, PAGE))
