"""Finds the records whose insight values differ from what Salesforce last accepted.

Every score is compared each time, and no mark remembers what is to be looked at: whatever has changed since (a score, a
person's records, the rows of yesterday, a switch, the names of the fields) shows.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from schemas.documents import WritebackRow, WritebackRun, WritebackSettings
from schemas.events import ENTITIES, Entity
from workers.core.writeback import PLACED_BY, Values, differs, fields_of, is_on, place_of, values_of
from workers.insights.inheritance import Claim, Inheritance
from workers.ports import Accepted, Scored, Store

PAGE = 5000
"""Scores looked at together: four queries a page, memory for the pages under way only."""

PAGES_AT_ONCE = 3
"""While one is compared here, the store answers for the next ones."""


class Wanted(NamedTuple):
    entity: Entity
    values: Values


class Plan:
    """The rows of a run. `skipped` counts why scores and records led to none, once all rows were asked for."""

    def __init__(self, store: Store, run: WritebackRun, settings: WritebackSettings) -> None:
        self._store = store
        self._run = run
        self._settings = settings
        self._ask = store.planning_queries
        self._on = {entity for entity in ENTITIES if is_on(settings, entity)}
        self._names = {entity: _names(settings, entity) for entity in ENTITIES}
        self._inheritance = Inheritance(store, run.team)
        self.skipped: Counter[str] = Counter()

    async def rows(self) -> AsyncIterator[list[WritebackRow]]:
        """Page by page; none of entities that are switched off. What a contact is to have from a converted lead comes
        last, and is for contacts without a score of their own."""
        under_way: deque[asyncio.Task[list[WritebackRow]]] = deque()
        try:
            async for page in self._pages():
                under_way.append(asyncio.create_task(self._page_rows(page)))
                if len(under_way) == PAGES_AT_ONCE:
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        for claims in self._inheritance.chunks(PAGE):
            yield await self._inherited_rows(claims)

    async def _pages(self) -> AsyncIterator[list[Scored]]:
        after = ""
        while page := await self._ask.scores(self._run.team, after, PAGE):
            yield page
            if len(page) < PAGE:
                return
            after = f"{page[-1].subject}:{page[-1].key}"

    async def _page_rows(self, page: Sequence[Scored]) -> list[WritebackRow]:
        wanted: dict[str, Wanted] = {}
        for subject in ("person", "account"):
            await self._want(wanted, subject, [scored for scored in page if scored.subject == subject])
        return await self._rows_of(await self._changed(wanted))

    async def _want(
        self, wanted: dict[str, Wanted], subject: Literal["person", "account"], scores: Sequence[Scored]
    ) -> None:
        """A score whose person or account is not known yet waits: it is looked at again in the next run.

        While routing moves a record from one person to another it stands in both: the next run puts right what is off.
        """
        sources = await self._ask.sources(self._run.team, subject, [scored.key for scored in scores])
        leads = [record_id for each in sources.values() for entity, record_id in each if entity == "lead"]
        converted = await self._ask.converted(self._run.team, leads)
        for scored in scores:
            records = sources.get(scored.key)
            if not records:
                self.skipped["unknown" if records is None else "no_record"] += 1
                continue
            values = values_of(scored.score, scored.last_engagement_at_ms)
            for entity, record_id in records:
                if record_id in converted:
                    self._bequeath(scored, record_id, converted[record_id], records)
                elif entity in self._on:
                    wanted[record_id] = Wanted(entity, values)
                else:
                    self.skipped["disabled"] += 1

    def _bequeath(
        self, scored: Scored, lead_id: str, contact_id: str | None, records: Sequence[tuple[Entity, str]]
    ) -> None:
        self.skipped["converted"] += 1
        if contact_id is not None and ("contact", contact_id) not in records and "contact" in self._on:
            self._inheritance.claim(contact_id, Claim(scored.scored_at_ms, lead_id, scored))

    async def _changed(self, wanted: Mapping[str, Wanted]) -> dict[str, Wanted]:
        accepted = await self._ask.accepted(self._run.team, wanted.keys())
        return {record_id: one for record_id, one in wanted.items() if self._differs(one, accepted.get(record_id))}

    def _differs(self, wanted: Wanted, accepted: Accepted | None) -> bool:
        if accepted is None or accepted.fields != self._names[wanted.entity]:
            return True
        return differs(wanted.values, accepted.values, self._settings.dead_band)

    async def _inherited_rows(self, claims: Mapping[str, Claim]) -> list[WritebackRow]:
        values = {
            contact_id: Wanted("contact", values_of(claim.scored.score, claim.scored.last_engagement_at_ms))
            for contact_id, claim in claims.items()
        }
        changed = await self._changed(values)
        owned = await self._inheritance.with_own_score(changed)
        return await self._rows_of({each: one for each, one in changed.items() if each not in owned})

    async def _rows_of(self, changed: Mapping[str, Wanted]) -> list[WritebackRow]:
        names = {name for each in self._names.values() for name in each} | PLACED_BY
        mirrored = await self._ask.mirrored(self._run.team, changed.keys(), names)
        dead = {record_id for record_id, known in mirrored.items() if not known.alive}
        self.skipped["deleted"] += len(dead)
        return [
            self._row(record_id, one, mirrored[record_id].fields if record_id in mirrored else {})
            for record_id, one in changed.items()
            if record_id not in dead
        ]

    def _row(self, record_id: str, wanted: Wanted, mirrored: Mapping[str, Any]) -> WritebackRow:
        score, date = (mirrored.get(name) for name in self._names[wanted.entity])
        return WritebackRow(
            team=self._run.team,
            run_id=self._run.run_id,
            record_id=record_id,
            entity=wanted.entity,
            score=wanted.values.score,
            last_engagement_date=wanted.values.last_engagement_date,
            place=place_of(wanted.entity, record_id, mirrored),
            before_score=float(score) if isinstance(score, int | float) else None,
            before_date=date if isinstance(date, str) else None,
        )


def _names(settings: WritebackSettings, entity: Entity) -> tuple[str, str]:
    fields = fields_of(settings, entity)
    return fields.score, fields.date
