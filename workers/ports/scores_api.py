"""What the scores API offers: scores that come over HTTP, and what became of them in Salesforce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.documents import Scope
from schemas.reports import RowReport, RunReport
from workers.core.intake import Rejection


class Admission(Protocol):
    async def scopes(self, team: str, token: str) -> frozenset[Scope]:
        """What who shows the token may do for the team; nothing when it is no token of the team, or revoked. Raises
        `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Receipt:
    accepted: int
    rejected: tuple[Rejection, ...]


class ScoresIntake(Protocol):
    async def take(self, team: str, rows: Sequence[object]) -> Receipt:
        """Returns when every score among the rows is in the topic. Raises `Unavailable`; taking the same rows again is
        harmless then."""


@dataclass(frozen=True, slots=True)
class RowsWanted:
    """Of a run; None: any."""

    outcome: str | None = None
    code: str | None = None
    record_id: str | None = None


class RunReports(Protocol):
    """Each call raises `Unavailable`."""

    async def runs(self, team: str, before: tuple[int, str] | None, limit: int) -> list[RunReport]:
        """Up to `limit` runs, latest beginning first: those before a (`started_at_ms`, `run_id`)."""

    async def run(self, team: str, run_id: str) -> RunReport | None:
        """With the figures so far while it goes on; None: there is no such run."""

    async def exists(self, team: str, run_id: str) -> bool: ...

    async def rows(self, team: str, run_id: str, wanted: RowsWanted, after: str, limit: int) -> list[RowReport]:
        """Up to `limit` rows, in the order in which they were sent, that follow the one of the record `after`."""
