"""A plan is what a naive reading of all documents says it should be, whatever happened before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents import (
    Contribution,
    Engagement,
    Insight,
    InsightFields,
    Member,
    Record,
    Switch,
    Targets,
    WritebackSettings,
)
from schemas.events import ENTITIES, Entity
from workers.adapters.memory.store import memory_store
from workers.core.writeback import Planned
from workers.insights import plan
from workers.insights.plan import Plan
from workers.ports import Store

from .insights_rig import TEAM, record_id

Cells = tuple[float, str | None]

DAYS_MS = (None, 0, 86_399_999, 86_400_000)
SCORES = (0.0, 0.5, 1.0, 1.5)
BOTH_FIELDS = (InsightFields(), InsightFields(score="Heat__c", date="Seen__c"))


@dataclass
class World:
    """Everything that a plan may depend on."""

    scores: list[Engagement]
    people: list[Member]
    accounts: list[Member]
    records: list[Record]
    insights: list[Insight]
    settings: WritebackSettings

    async def store(self) -> Store:
        store = memory_store()
        assert not await store.engagement.swap(self.scores)
        assert not await store.people.swap(self.people)
        assert not await store.accounts.swap(self.accounts)
        assert not await store.records.swap(self.records)
        assert not await store.insights.swap(self.insights)
        return store


def cells(score: Engagement) -> Cells:
    at_ms = score.last_engagement_at_ms
    return score.score, None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def expected(world: World) -> dict[str, Cells]:
    """By the words of the issue, with a loop for each of them."""
    wanted = own(world) | {}
    for contact_id, heir_cells in inherited(world).items():
        wanted.setdefault(contact_id, heir_cells)
    return {each: values for each, values in wanted.items() if to_write(world, each, values)}


def converted(world: World) -> Mapping[str, str | None]:
    leads = [each for each in world.records if each.entity == "lead" and each.fields.get("IsConverted")]
    return {lead.record_id: lead.fields.get("ConvertedContactId") for lead in leads}


def scored_records(world: World) -> list[tuple[Engagement, str, Entity]]:
    found = []
    for score in world.scores:
        for member in world.people if score.subject == "person" else world.accounts:
            for each_id, one in member.contributions.items():
                fits = (one.entity == "account") == (score.subject == "account")
                if member.key == score.key and not one.gone and fits:
                    found.append((score, each_id, one.entity))
    return found


def own(world: World) -> dict[str, Cells]:
    return {each: cells(score) for score, each, _ in scored_records(world) if each not in converted(world)}


def inherited(world: World) -> dict[str, Cells]:
    takers = converted(world)
    claims = [
        (score.scored_at_ms, lead_id, takers[lead_id], cells(score))
        for score, lead_id, _ in scored_records(world)
        if takers.get(lead_id)
    ]
    return {contact_id: values for *_, contact_id, values in sorted(claims, key=lambda claim: claim[:2]) if contact_id}


def to_write(world: World, each: str, values: Cells) -> bool:
    entity: Entity = {"003": "contact", "00Q": "lead", "001": "account"}[each[:3]]  # type: ignore[assignment]
    if not world.settings.switches.get(entity, Switch()).on:
        return False
    if any(record.record_id == each and not record.alive for record in world.records):
        return False
    fields = world.settings.fields.get(entity, InsightFields())
    for known in world.insights:
        if known.record_id == each and (known.score_field, known.date_field) == (fields.score, fields.date):
            near = abs(values[0] - known.score) <= world.settings.dead_band
            return not (near and values[1] == known.last_engagement_date)
    return True


# --- worlds ----------------------------------------------------------------------------------------------------------


KEYS = ("a@x.org", "b@x.org", "c@x.org", "d@x.org")
DOMAINS = ("x.org", "y.org")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    records = [record_id(entity, number) for entity in ENTITIES for number in range(4)]
    homes = {each: draw(st.sampled_from(DOMAINS if each.startswith("001") else KEYS)) for each in records}
    return World(
        scores=[*draw(scores("person", KEYS)), *draw(scores("account", DOMAINS))],
        people=[draw(members(key, homes)) for key in KEYS if draw(st.booleans())],
        accounts=[draw(members(key, homes)) for key in DOMAINS if draw(st.booleans())],
        records=[draw(mirrored(each, homes[each])) for each in records],
        insights=[draw(insights(each)) for each in records if draw(st.booleans())],
        settings=draw(team_settings()),
    )


def entity_of(each: str) -> Entity:
    return next(entity for entity in ENTITIES if record_id(entity, 0)[:3] == each[:3])


@st.composite
def scores(draw: st.DrawFn, subject: Literal["person", "account"], keys: tuple[str, ...]) -> list[Engagement]:
    return [
        Engagement(
            team=TEAM,
            subject=subject,
            key=key,
            score=draw(st.sampled_from(SCORES)),
            last_engagement_at_ms=draw(st.sampled_from(DAYS_MS)),
            scored_at_ms=draw(st.integers(1, 2)),
        )
        for key in keys
        if draw(st.booleans())
    ]


@st.composite
def members(draw: st.DrawFn, key: str, homes: Mapping[str, str]) -> Member:
    contributions = {
        each: Contribution(rev=1, entity=entity_of(each), gone=draw(st.sampled_from((False, False, True))))
        for each, home in homes.items()
        if home == key
    }
    return Member(team=TEAM, key=key, alive=True, contributions=contributions)


@st.composite
def mirrored(draw: st.DrawFn, each: str, home: str) -> Record:
    fields: dict[str, object] = {}
    if entity_of(each) == "lead" and draw(st.booleans()):
        contact = draw(st.sampled_from((None, 0, 1, 2)))
        fields = {"IsConverted": True} | (
            {} if contact is None else {"ConvertedContactId": record_id("contact", contact)}
        )
    return Record(
        team=TEAM,
        record_id=each,
        entity=entity_of(each),
        alive=draw(st.sampled_from((True, True, False))),
        fields=fields,
        targets=Targets(people=(home,)),
    )


@st.composite
def insights(draw: st.DrawFn, each: str) -> Insight:
    names = draw(st.sampled_from(BOTH_FIELDS))
    return Insight(
        team=TEAM,
        record_id=each,
        entity=entity_of(each),
        score=draw(st.sampled_from(SCORES)),
        last_engagement_date=draw(st.sampled_from((None, "1970-01-01", "1970-01-02"))),
        score_field=names.score,
        date_field=names.date,
    )


@st.composite
def team_settings(draw: st.DrawFn) -> WritebackSettings:
    return WritebackSettings(
        team=TEAM,
        switches={entity: Switch(on=draw(st.booleans())) for entity in ENTITIES if draw(st.booleans())},
        dead_band=draw(st.sampled_from((0.0, 0.5))),
        fields={entity: draw(st.sampled_from(BOTH_FIELDS)) for entity in ENTITIES if draw(st.booleans())},
    )


# --- laws ------------------------------------------------------------------------------------------------------------


async def planned(store: Store, team_settings: WritebackSettings) -> dict[str, Planned]:
    pages = [page async for page in Plan(store, TEAM, team_settings).rows()]
    rows = [row for page in pages for row in page]
    by_record = {row.record_id: row for row in rows}
    assert len(by_record) == len(rows), "a record is planned twice"
    return by_record


@pytest.mark.parametrize("page", [1, 2, 5000])
@given(world=worlds())
@settings(max_examples=150, deadline=None)
def test_a_plan_is_what_a_naive_reading_says(page: int, world: World) -> None:
    async def check() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plan, "PAGE", page)
            rows = await planned(await world.store(), world.settings)
        found = {each: (row.score, row.last_engagement_date) for each, row in rows.items()}
        assert found == expected(world)

    asyncio.run(check())


@given(world=worlds(), data=st.data())
@settings(max_examples=100, deadline=None)
def test_what_was_accepted_is_not_planned_again_and_the_rest_is(world: World, data: st.DataObject) -> None:
    async def check() -> None:
        store = await world.store()
        rows = await planned(store, world.settings)
        accepted = {each: row for each, row in rows.items() if data.draw(st.booleans())}
        known = await store.insights.load([(TEAM, each) for each in accepted])
        assert not await store.insights.swap(
            [accepted_as(row, known.get((TEAM, each)), world.settings) for each, row in accepted.items()]
        )
        again = await planned(store, world.settings)
        assert again.keys() == rows.keys() - accepted.keys()

    asyncio.run(check())


def accepted_as(row: Planned, known: Insight | None, team_settings: WritebackSettings) -> Insight:
    names = team_settings.fields.get(row.entity, InsightFields())
    assert row.score is not None
    return Insight(
        team=TEAM,
        record_id=row.record_id,
        entity=row.entity,
        rev=known.rev if known else 0,
        score=row.score,
        last_engagement_date=row.last_engagement_date,
        score_field=names.score,
        date_field=names.date,
    )


def scored(key: str, score: float = 1.0, scored_at_ms: int = 1) -> Engagement:
    return Engagement(
        team=TEAM, subject="person", key=key, score=score, last_engagement_at_ms=None, scored_at_ms=scored_at_ms
    )


def person(key: str, entity: Entity, *, gone: bool = False) -> Member:
    """Of one record, which has the number that the key says."""
    one = Contribution(rev=1, entity=entity, gone=gone)
    return Member(team=TEAM, key=key, alive=True, contributions={record_id(entity, int(key)): one})


def record(entity: Entity, number: int, **given: object) -> Record:
    return Record.model_validate(
        {"team": TEAM, "record_id": record_id(entity, number), "entity": entity, "alive": True, **given}
    )


@pytest.mark.parametrize(("first_ms", "second_ms", "winner"), [(1, 2, 2.0), (2, 1, 1.0), (1, 1, 2.0)])
@pytest.mark.parametrize("page", [1, 5000])
async def test_of_two_leads_that_became_one_contact_the_score_given_last_counts(
    first_ms: int, second_ms: int, winner: float, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PAGE", page)
    contact = {"IsConverted": True, "ConvertedContactId": record_id("contact", 9)}
    world = World(
        scores=[scored("1", 1.0, first_ms), scored("2", 2.0, second_ms)],
        people=[person("1", "lead"), person("2", "lead")],
        accounts=[],
        records=[record("lead", 1, fields=contact), record("lead", 2, fields=contact)],
        insights=[],
        settings=WritebackSettings(team=TEAM),
    )
    rows = await planned(await world.store(), world.settings)
    assert {each: row.score for each, row in rows.items()} == {record_id("contact", 9): winner}
    assert expected(world) == {record_id("contact", 9): (winner, None)}


async def test_why_scores_and_records_lead_to_no_row() -> None:
    world = World(
        scores=[scored(str(number)) for number in range(1, 6)],
        people=[person("2", "contact", gone=True), person("3", "lead"), person("4", "contact"), person("5", "lead")],
        accounts=[],
        records=[record("lead", 3, fields={"IsConverted": True}), record("contact", 4, alive=False)],
        insights=[],
        settings=WritebackSettings(team=TEAM, switches={"lead": Switch(on=False)}),
    )
    made = Plan(await world.store(), TEAM, world.settings)
    assert [row async for page in made.rows() for row in page] == []
    assert made.skipped == {"unknown": 1, "no_record": 1, "converted": 1, "deleted": 1, "disabled": 1}
