"""What the plan of a write-back run asks, of collections in memory."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Literal

from schemas.documents import Engagement, Insight, Member, Record
from workers.adapters.memory.documents import MemoryDocuments
from workers.core.survivors import survivor_of
from workers.core.writeback import is_converted, sources
from workers.ports import Accepted, Merged, Mirrored, Scored


class MemoryPlanningQueries:
    def __init__(
        self,
        engagement: MemoryDocuments[Engagement],
        people: MemoryDocuments[Member],
        accounts: MemoryDocuments[Member],
        records: MemoryDocuments[Record],
        insights: MemoryDocuments[Insight],
    ) -> None:
        self._engagement = engagement
        self._members = {"person": people, "account": accounts}
        self._records = records
        self._insights = insights

    async def scores(self, team: str, after: str, limit: int) -> list[Scored]:
        later = (each for each in self._engagement.all(team) if f"{each.subject}:{each.key}" > after)
        return [
            (f"{each.subject}:{each.key}", each.score, each.last_engagement_at_ms, each.scored_at_ms)
            for each in islice(later, limit)
        ]

    async def sources(
        self, team: str, subject: Literal["person", "account"], keys: Collection[str]
    ) -> dict[str, list[str]]:
        known = await self._members[subject].load([(team, key) for key in keys])
        return {key: [one for _, one in sources(subject, member)] for (_, key), member in known.items()}

    async def converted(self, team: str, lead_ids: Collection[str]) -> dict[str, str | None]:
        known = await self._records.load([(team, lead_id) for lead_id in lead_ids])
        return {each.record_id: each.fields.get("ConvertedContactId") for each in known.values() if is_converted(each)}

    async def merged(self, team: str) -> list[Merged]:
        return [
            Merged(record.record_id, survivor, record.last_known.value if record.last_known else None)
            for record in self._records.all(team)
            if (survivor := survivor_of(record)) is not None
        ]

    async def accepted(self, team: str, record_ids: Collection[str]) -> dict[str, Accepted]:
        known = await self._insights.load([(team, record_id) for record_id in record_ids])
        return {
            record_id: ((each.score, each.last_engagement_date, each.score_field, each.date_field), each.rev)
            for (_, record_id), each in known.items()
        }

    async def mirrored(self, team: str, record_ids: Collection[str], names: Collection[str]) -> dict[str, Mirrored]:
        known = await self._records.load([(team, record_id) for record_id in record_ids])
        return {
            record_id: Mirrored(each.alive, {name: each.fields[name] for name in names if name in each.fields})
            for (_, record_id), each in known.items()
        }
