"""Scores that a record takes from others: a contact from leads that were converted to it, where it has none of its own,
and a survivor from what was merged into it, where that was scored later.

Whether a record has a score of its own may show only later in the scan, or may have shown before: so the claims are
kept to its end. A lead whose contact belongs to the same person, the common case, makes none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from workers.core.writeback import Values
from workers.ports import Store


class Claim(NamedTuple):
    """Of several claims the greatest counts, of equal kind that of the score given last."""

    of_its_own: bool
    """Of the record itself, or of one that was merged into it: it comes before those of converted leads."""
    scored_at_ms: int
    source: str
    values: Values


class Inheritance:
    def __init__(self, store: Store, team: str) -> None:
        self._store = store
        self._team = team
        self._claims: dict[str, Claim] = {}

    def claim(self, record_id: str, claim: Claim) -> None:
        rival = self._claims.get(record_id)
        if rival is None or claim[:3] > rival[:3]:
            self._claims[record_id] = claim

    def chunks(self, size: int) -> Iterator[Mapping[str, Claim]]:
        claims = iter(self._claims.items())
        while chunk := dict(islice(claims, size)):
            yield chunk

    async def with_own_score(self, contact_ids: Collection[str]) -> set[str]:
        """Those that belong to a person who has a score."""
        records = await self._store.records.load([(self._team, contact_id) for contact_id in contact_ids])
        people = {key for record in records.values() for key in record.targets.people}
        scores = await self._store.engagement.load([(self._team, f"person:{key}") for key in people])
        scored = [each.key for each in scores.values()]
        sources = await self._store.planning_queries.sources(self._team, "person", scored)
        return {record_id for each in sources.values() for record_id in each} & set(contact_ids)
