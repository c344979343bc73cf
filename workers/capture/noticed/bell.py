"""Which teams have something to do, of all teams of the process: learned by the worker in one query."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field


class Bell:
    def __init__(self) -> None:
        self._rung: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def ring(self, teams: Iterable[str]) -> None:
        for team in teams:
            self._rung[team].set()

    async def heard(self, team: str) -> None:
        """Wait until it rings for the team."""
        await self._rung[team].wait()
        self._rung[team].clear()


@dataclass(frozen=True, slots=True)
class Bells:
    questions: Bell = field(default_factory=Bell)
    """Records that the org is to be asked about, for lists that only it can evaluate."""
    deletions: Bell = field(default_factory=Bell)
    """Deleted records that may have been merged."""
