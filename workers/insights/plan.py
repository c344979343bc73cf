"""Finds the records whose insight values differ from what Salesforce last accepted.

Every score is compared each time, and no mark remembers what is to be looked at: whatever has changed since (a score, a
person's records, the rows of yesterday, a switch, the names of the fields) shows.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from schemas.documents import WritebackSettings
from workers.core.writeback import PLACED_BY, PREFIXES, Planned, Values, differs, fields_of, is_on, parent_of, values_of
from workers.insights.inheritance import Claim, Inheritance
from workers.insights.survivors import Survivors
from workers.ports import Scored, Store, Written

PAGE = 5000
"""Scores looked at together: four queries a page, memory for the pages under way only."""

PAGES_AT_ONCE = 3
"""While one is compared here, the store answers for the next ones."""


PERSON, LEAD, CONTACT = "person:", "00Q", "003"

Subject = Literal["person", "account"]

Change: TypeAlias = tuple[Written, int]
"""What a record is to have, and the revision of the insight that tells of something else, 0 if there is none."""


class Plan:
    """The rows of a run. `skipped` counts why scores and records led to none, once all rows were asked for."""

    def __init__(self, store: Store, team: str, settings: WritebackSettings) -> None:
        self._store = store
        self._team = team
        self._settings = settings
        self._ask = store.planning_queries
        self._names = {
            prefix: (fields_of(settings, entity).score, fields_of(settings, entity).date)
            for prefix, entity in PREFIXES.items()
            if is_on(settings, entity)
        }
        self._inheritance = Inheritance(store, team)
        self._survivors = Survivors(())
        self.skipped: Counter[str] = Counter()

    async def rows(self) -> AsyncIterator[list[Planned]]:
        """Page by page; none of entities that are switched off. What a record is to have from others comes last."""
        self._survivors = Survivors(await self._ask.merged(self._team))
        under_way: deque[asyncio.Task[list[Planned]]] = deque()
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
        while page := await self._ask.scores(self._team, after, PAGE):
            yield page
            if len(page) < PAGE:
                return
            after = page[-1][0]

    async def _page_rows(self, page: Sequence[Scored]) -> list[Planned]:
        """Accounts come before people."""
        people = bisect_left(page, (PERSON,))
        wanted: dict[str, Written] = {}
        await self._want(wanted, "account", page[:people])
        await self._want(wanted, "person", page[people:])
        return await self._rows_of(await self._changed(wanted))

    async def _want(self, wanted: dict[str, Written], subject: Subject, scores: Sequence[Scored]) -> None:
        """A score whose person or account is not known yet waits: it is looked at again in the next run.

        While routing moves a record from one person to another it stands in both: the next run puts right what is off.
        """
        begin = len(subject) + 1
        sources = await self._ask.sources(self._team, subject, [id_[begin:] for id_, *_ in scores])
        self._add_survivors(sources, scores, begin)
        leads = [one for records in sources.values() for one in records if one.startswith(LEAD)]
        converted = await self._ask.converted(self._team, leads)
        skipped, on, survivors = self.skipped, self._names, self._survivors
        for scored in scores:
            records = sources.get(scored[0][begin:])
            if not records:
                skipped["unknown" if records is None else "no_record"] += 1
                continue
            values = values_of(scored[1], scored[2])
            for record_id in records:
                if record_id in converted:
                    self._bequeath(scored, record_id, converted[record_id], records)
                elif (names := on.get(record_id[:3])) is None:
                    skipped["disabled"] += 1
                elif record_id in survivors:
                    self._inheritance.claim(record_id, Claim(True, scored[3], scored[0], values))
                else:
                    wanted[record_id] = values + names

    def _add_survivors(self, sources: dict[str, list[str]], scores: Sequence[Scored], begin: int) -> None:
        """To the records of each score those that its own were merged into."""
        for score_id, *_ in scores if self._survivors else ():
            if taking := self._survivors.of(score_id):
                sources[score_id[begin:]] = sorted({*sources.get(score_id[begin:], ()), *taking})

    def _bequeath(self, scored: Scored, lead_id: str, contact_id: str | None, records: Sequence[str]) -> None:
        self.skipped["converted"] += 1
        taker = None if contact_id is None else self._survivors.end(contact_id)
        if taker is not None and taker not in records and CONTACT in self._names:
            self._inheritance.claim(taker, Claim(False, scored[3], lead_id, values_of(scored[1], scored[2])))

    async def _changed(self, wanted: Mapping[str, Written]) -> dict[str, Change]:
        accepted = await self._ask.accepted(self._team, wanted.keys())
        changed: dict[str, Change] = {}
        for record_id, values in wanted.items():
            known = accepted.get(record_id)
            if known is None:
                changed[record_id] = values, 0
            elif values != known[0] and self._differs(values, known[0]):
                changed[record_id] = values, known[1]
        return changed

    def _differs(self, wanted: Written, accepted: Written) -> bool:
        if accepted[2:] != wanted[2:]:
            return True
        return differs(Values(*wanted[:2]), Values(*accepted[:2]), self._settings.dead_band)

    async def _inherited_rows(self, claims: Mapping[str, Claim]) -> list[Planned]:
        names = self._names
        changed = await self._changed({each: claim.values + names[each[:3]] for each, claim in claims.items()})
        owned = await self._inheritance.with_own_score([each for each in changed if not claims[each].of_its_own])
        return await self._rows_of({each: one for each, one in changed.items() if each not in owned})

    async def _rows_of(self, changed: Mapping[str, Change]) -> list[Planned]:
        names = {name for each in self._names.values() for name in each} | PLACED_BY
        mirrored = await self._ask.mirrored(self._team, changed.keys(), names)
        dead = {record_id for record_id, known in mirrored.items() if not known.alive}
        self.skipped["deleted"] += len(dead)
        return [
            self._row(record_id, one, mirrored[record_id].fields if record_id in mirrored else {})
            for record_id, one in changed.items()
            if record_id not in dead
        ]

    def _row(self, record_id: str, change: Change, mirrored: Mapping[str, Any]) -> Planned:
        (value, date, score_field, date_field), insight_rev = change
        before, before_date = mirrored.get(score_field), mirrored.get(date_field)
        entity = PREFIXES[record_id[:3]]
        return Planned(
            entity,
            parent_of(entity, mirrored),
            record_id,
            value,
            date,
            float(before) if isinstance(before, int | float) else None,
            before_date if isinstance(before_date, str) else None,
            insight_rev,
        )
