"""Which jobs are open, of all teams of the process: read by the worker in one query, waited for by the sessions."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from schemas.documents import Job


class JobBoard:
    def __init__(self) -> None:
        self._open: dict[str, list[Job]] = {}
        self._posted: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def post(self, jobs: Iterable[Job]) -> None:
        """All jobs that are open now."""
        self._open = {}
        for job in jobs:
            self._open.setdefault(job.team, []).append(job)
        for team in self._open:
            self._posted[team].set()

    async def next(self, team: str) -> list[Job]:
        """Wait until jobs of the team are posted. May name a job that has been done since it was read."""
        posted = self._posted[team]
        await posted.wait()
        posted.clear()
        return self._open.get(team, [])
