"""Scores that come over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workers.core.intake import Rejection


@dataclass(frozen=True, slots=True)
class Receipt:
    accepted: int
    rejected: tuple[Rejection, ...]


class ScoresIntake(Protocol):
    async def admits(self, team: str, token: str) -> bool:
        """Whether who shows the token may hand in the team's scores. Raises `Unavailable`."""

    async def take(self, team: str, rows: Sequence[object]) -> Receipt:
        """Returns when every score among the rows is in the topic. Raises `Unavailable`; taking the same rows again is
        harmless then."""
