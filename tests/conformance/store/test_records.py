"""Noting under which rules nothing changed, the same for every store."""

from __future__ import annotations

from schemas.documents import Record
from workers.ports import Store

from .samples import record


async def stored(store: Store, *records: Record) -> list[Record]:
    keys = [(each.team, each.record_id) for each in records]
    found = await store.records.load(keys)
    return [found[key] for key in keys]


async def test_the_version_is_noted_and_nothing_else_changes(store: Store, team: str) -> None:
    await store.records.swap([record(team, number, rule_set_version=number) for number in (1, 2, 3)])
    await store.records.swap([record(team, 2, rev=1, rule_set_version=2)])
    before = await stored(store, *(record(team, number) for number in (1, 2, 3)))
    await store.records.note_unchanged(before[:2], 4)
    noted = [each.model_copy(update={"rule_set_version": 4}) for each in before[:2]]
    assert await stored(store, *before) == [*noted, before[2]]
    assert await store.record_queries.older_than(team, 4, 10) == [("contact", before[2].record_id)]
    assert await store.records.swap(noted) == []


async def test_a_record_that_somebody_wrote_meanwhile_is_passed_over(store: Store, team: str) -> None:
    await store.records.swap([record(team, 1, rule_set_version=1), record(team, 2, rule_set_version=1)])
    one, other = await stored(store, record(team, 1), record(team, 2))
    await store.records.swap([one])
    await store.records.note_unchanged([one, other], 2)
    assert [each.rule_set_version for each in await stored(store, one, other)] == [1, 2]


async def test_an_older_version_is_not_noted_over_a_newer_one(store: Store, team: str) -> None:
    await store.records.swap([record(team, 1, rule_set_version=3)])
    (one,) = await stored(store, record(team, 1))
    await store.records.note_unchanged([one], 2)
    assert await stored(store, one) == [one]


async def test_of_a_record_that_is_not_there_and_of_other_teams_nothing_is_noted(store: Store, team: str) -> None:
    mine, other = record(team, 1), record(f"{team}-b", 1)
    await store.records.swap([mine, other])
    await store.records.note_unchanged([mine.model_copy(update={"rev": 1}), record(team, 9, rev=1)], 1)
    await store.records.note_unchanged([], 2)
    assert [each.rule_set_version for each in await stored(store, mine, other)] == [1, 0]
    assert await store.records.load([(team, record(team, 9).record_id)]) == {}
