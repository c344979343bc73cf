"""What the plan of a write-back run asks of the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from schemas.events import Entity
from workers.core.writeback import Values


class Scored(NamedTuple):
    subject: Literal["person", "account"]
    key: str
    score: float
    last_engagement_at_ms: int | None
    scored_at_ms: int


class Accepted(NamedTuple):
    """What Salesforce last accepted for a record, and in which of its fields (score, date)."""

    values: Values
    fields: tuple[str, str]


class Mirrored(NamedTuple):
    alive: bool
    fields: Mapping[str, Any]
    """Those asked for, as far as they are known."""


class PlanningQueries(Protocol):
    """A plan goes through all scores of a team each day, so the answers are bare values instead of documents."""

    async def scores(self, team: str, after: str, limit: int) -> list[Scored]:
        """Up to `limit` scores of an id (`subject:key`) greater than `after`, ascending by id."""

    async def sources(
        self, team: str, subject: Literal["person", "account"], keys: Collection[str]
    ) -> dict[str, list[tuple[Entity, str]]]:
        """By key of a member that is known, its records ascending by id: of a person the contacts and leads, of an
        account the accounts that contribute to it."""

    async def converted(self, team: str, lead_ids: Collection[str]) -> dict[str, str | None]:
        """Of the leads that were converted: the contact, None when it is not known."""

    async def accepted(self, team: str, record_ids: Collection[str]) -> dict[str, Accepted]: ...

    async def mirrored(self, team: str, record_ids: Collection[str], names: Collection[str]) -> dict[str, Mirrored]:
        """Of the mirrored records, by id: these fields."""
