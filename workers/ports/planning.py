"""What the plan of a write-back run asks of the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

Scored: TypeAlias = tuple[str, float, int | None, int]
"""A score: its document's id (`person:ada@example.com`), the score, the last engagement, and when it was scored."""

Written: TypeAlias = tuple[float, str | None, str, str]
"""What a record has or is to have: score and date, and the names of the fields that they go to."""


Accepted: TypeAlias = tuple[Written, int]
"""What Salesforce last accepted of a record, and the revision of the insight that says so."""


class Mirrored(NamedTuple):
    alive: bool
    fields: Mapping[str, Any]
    """Those asked for, as far as they are known."""


class Merged(NamedTuple):
    """A record that was merged away."""

    record_id: str
    survivor: str
    last_value: str | None
    """Its last e-mail address or website, as it was written."""


class PlanningQueries(Protocol):
    """A plan goes through all scores of a team each day, so the answers are bare tuples instead of documents: a million
    of even the smallest objects takes a second."""

    async def scores(self, team: str, after: str, limit: int) -> list[Scored]:
        """Up to `limit` scores of an id greater than `after`, ascending by id."""

    async def sources(
        self, team: str, subject: Literal["person", "account"], keys: Collection[str]
    ) -> dict[str, list[str]]:
        """By key of a member that is known, the ids of its records, ascending: of a person the contacts and leads, of
        an account the accounts that contribute to it."""

    async def converted(self, team: str, lead_ids: Collection[str]) -> dict[str, str | None]:
        """Of the leads that were converted: the contact, None when it is not known."""

    async def merged(self, team: str) -> list[Merged]:
        """All records of the team that were merged into others."""

    async def accepted(self, team: str, record_ids: Collection[str]) -> dict[str, Accepted]:
        """What Salesforce last accepted, by record."""

    async def mirrored(self, team: str, record_ids: Collection[str], names: Collection[str]) -> dict[str, Mirrored]:
        """Of the mirrored records, by id: these fields."""
