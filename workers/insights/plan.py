"""Finds the records whose insight values differ from what Salesforce last accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import chain

from schemas.documents import Engagement, Member, Record, WritebackRow, WritebackRun, WritebackSettings
from schemas.events import Entity
from workers.core.writeback import Values, differs, fields_of, is_on, place_of, sources, successor, values_of
from workers.ports import Documents, Store

PAGE = 1000
"""Scores looked at together: three queries a page, memory for a page only."""

Wanted = tuple[Entity, str, Values]


async def changed_rows(
    store: Store, run: WritebackRun, settings: WritebackSettings
) -> AsyncIterator[list[WritebackRow]]:
    """Rows to write, page by page; none of entities that are switched off."""
    page: list[Engagement] = []
    async for engagement in store.engagement.scan(run.team):
        page.append(engagement)
        if len(page) == PAGE:
            yield await page_rows(store, run, settings, page)
            page = []
    if page:
        yield await page_rows(store, run, settings, page)


async def page_rows(
    store: Store, run: WritebackRun, settings: WritebackSettings, page: Sequence[Engagement]
) -> list[WritebackRow]:
    wanted = [
        *await wanted_values(store.people, [each for each in page if each.subject == "person"]),
        *await wanted_values(store.accounts, [each for each in page if each.subject == "account"]),
    ]
    # While routing moves a record from one person to another it stands in both: the next run puts right what is off.
    current = await _with_successors(store, run.team, wanted)
    by_record = {record_id: (entity, values) for entity, record_id, values in current if is_on(settings, entity)}
    accepted = await store.insights.load([(run.team, record_id) for record_id in by_record])
    rows = [
        WritebackRow(
            team=run.team,
            run_id=run.run_id,
            record_id=record_id,
            entity=entity,
            score=values.score,
            last_engagement_date=values.last_engagement_date,
        )
        for record_id, (entity, values) in by_record.items()
        if differs(values, accepted.get((run.team, record_id)), settings.dead_band)
    ]
    mirrored = await store.records.load([(run.team, row.record_id) for row in rows])
    return [_with_before(row, mirrored.get((run.team, row.record_id)), settings) for row in rows]


async def _with_successors(store: Store, team: str, wanted: Sequence[Wanted]) -> list[Wanted]:
    """The contacts of converted leads in their place, first: what a contact is wanted for itself comes after."""
    leads = await store.records.load({(team, record_id) for entity, record_id, _ in wanted if entity == "lead"})
    moved: list[Wanted] = []
    staying: list[Wanted] = []
    for entity, record_id, values in wanted:
        lead = leads.get((team, record_id)) if entity == "lead" else None
        taker = (entity, record_id) if lead is None else successor(lead)
        if taker == (entity, record_id):
            staying.append((entity, record_id, values))
        elif taker is not None:
            moved.append((*taker, values))
    return moved + staying


def _with_before(row: WritebackRow, record: Record | None, settings: WritebackSettings) -> WritebackRow:
    """What the row replaces, so that it can be put back, and where it stands in the order of the run."""
    if record is None:
        return row.model_copy(update={"place": place_of(row.entity, row.record_id, {})})
    fields = fields_of(settings, row.entity)
    score, date = record.fields.get(fields.score), record.fields.get(fields.date)
    return row.model_copy(
        update={
            "place": place_of(row.entity, row.record_id, record.fields),
            "before_score": float(score) if isinstance(score, int | float) else None,
            "before_date": date if isinstance(date, str) else None,
        }
    )


async def wanted_values(members: Documents[Member], scores: Sequence[Engagement]) -> list[Wanted]:
    """A score whose person or account is not known yet waits: it is looked at again in the next run."""
    known = await members.load([(each.team, each.key) for each in scores]) if scores else {}
    return list(
        chain.from_iterable(
            ((entity, record_id, values_of(each)) for entity, record_id in sources(each.subject, member))
            for each in scores
            if (member := known.get((each.team, each.key))) is not None
        )
    )
