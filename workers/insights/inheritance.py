"""Scores of converted leads, which their contacts take where these have none of their own.

Whether a contact has a score of its own may show only later in the scan, or may have shown before: so the claims are
kept to its end. A lead whose contact belongs to the same person, the common case, makes none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from workers.core.writeback import Values
from workers.ports import Store


class Claim(NamedTuple):
    """Of several leads that became one contact the score given last counts, then the greater id."""

    scored_at_ms: int
    lead_id: str
    values: Values


class Inheritance:
    def __init__(self, store: Store, team: str) -> None:
        self._store = store
        self._team = team
        self._claims: dict[str, Claim] = {}

    def claim(self, contact_id: str, claim: Claim) -> None:
        rival = self._claims.get(contact_id)
        if rival is None or claim[:2] > rival[:2]:
            self._claims[contact_id] = claim

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
