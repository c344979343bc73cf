"""Compare-and-swap, loading and scanning, the same for every store."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.documents import Contribution, Member, Record
from schemas.events import Version
from workers.ports import Documents, Refused, Store

from .samples import IDS, member, one_of_each, record, record_id


async def load_one(store: Store, team: str, number: int = 1) -> Record:
    return (await store.records.load([(team, record_id(number))]))[team, record_id(number)]


@pytest.mark.parametrize("collection", IDS)
async def test_every_kind_of_document_comes_back_as_it_was_one_revision_on(
    store: Store, team: str, collection: str
) -> None:
    documents: Documents[Any] = getattr(store, collection)
    written = one_of_each(team)[collection]
    assert await documents.swap([written]) == []
    key = (team, IDS[collection].format(team=team))
    expected = written.model_copy(update={"rev": 1})
    assert await documents.load([key]) == {key: expected}
    assert [document async for document in documents.scan(team)] == [expected]


@pytest.mark.parametrize(
    "value",
    [
        "$secret",
        "$$ROOT",
        "$100 off",
        "$",
        "a.b",
        "",
        "Zoë 北京 🦊",
        "nul\0",
        "'\"\n,",
        None,
        True,
        False,
        0,
        1,
        2**53 + 1,
        -0.5,
        1.0,
        1e308,
        ["a", 1],
        {"street": "Main", "size": 2**53 + 1},
    ],
    ids=repr,
)
async def test_a_value_of_a_customer_is_stored_as_it_is(store: Store, team: str, value: object) -> None:
    await store.records.swap([record(team, fields={"Description": value})])
    stored = (await load_one(store, team)).fields["Description"]
    assert stored == value
    assert type(stored) is type(value)


async def test_versions_come_back_as_versions(store: Store, team: str) -> None:
    version = Version(1_700_000_000_123, 2**53 + 1, 0)
    await store.records.swap([record(team, full_version=version, field_versions={"Email": version})])
    stored = await load_one(store, team)
    assert isinstance(stored.full_version, Version)
    assert isinstance(stored.field_versions["Email"], Version)
    assert stored.field_versions["Email"] == version
    assert stored.field_versions["Email"].commit_number == 2**53 + 1


@pytest.mark.parametrize("key", ["$set", "Account.Name", "nul\0"], ids=repr)
@pytest.mark.parametrize("nested", [False, True])
async def test_a_field_name_that_a_query_would_misread_is_refused_by_name(
    store: Store, team: str, key: str, nested: bool
) -> None:
    fields: dict[str, Any] = {"Rows": [{key: 1}]} if nested else {key: 1}
    with pytest.raises(Refused, match=record_id(2)) as refused:
        await store.records.swap([record(team, 1), record(team, 2, fields=fields)])
    assert repr(key) in str(refused.value)
    assert [document async for document in store.records.scan(team)] == [], "nothing of the call may be written"


async def test_a_change_inside_a_loaded_document_changes_nothing_stored(store: Store, team: str) -> None:
    original = record(team, fields={"Email": "a@x.org"})
    await store.records.swap([original])
    original.fields["Email"] = "changed"
    (await load_one(store, team)).fields["Email"] = "changed"
    assert (await load_one(store, team)).fields == {"Email": "a@x.org"}


async def test_loading_nothing_and_what_is_not_there(store: Store, team: str) -> None:
    assert await store.records.load([]) == {}
    assert await store.records.load([(team, record_id(1))]) == {}
    assert await store.records.swap([]) == []


async def test_load_returns_what_exists_of_several_teams(store: Store, team: str) -> None:
    other = f"{team}-b"
    await store.records.swap([record(team, 1), record(other, 2)])
    keys = [(team, record_id(1)), (other, record_id(2)), (team, record_id(2)), (other, record_id(1))]
    assert set(await store.records.load(keys)) == set(keys[:2])


async def test_replacing_replaces_the_whole_document(store: Store, team: str) -> None:
    await store.records.swap([record(team, fields={"Email": "a@x.org", "Fax": "1"})])
    stored = await load_one(store, team)
    assert await store.records.swap([stored.model_copy(update={"fields": {"Email": "b@x.org"}})]) == []
    replaced = await load_one(store, team)
    assert (replaced.rev, replaced.fields) == (2, {"Email": "b@x.org"})


@pytest.mark.parametrize("rev", [0, 1, 3])
async def test_a_revision_that_is_not_the_stored_one_loses(store: Store, team: str, rev: int) -> None:
    await store.records.swap([record(team, fields={"n": 1})])
    await store.records.swap([record(team, rev=1, fields={"n": 2})])
    late = record(team, rev=rev, fields={"n": "late"})
    assert await store.records.swap([late]) == [late]
    stored = await load_one(store, team)
    assert (stored.rev, stored.fields) == (2, {"n": 2})


async def test_a_document_that_is_gone_is_not_brought_back(store: Store, team: str) -> None:
    late = record(team, rev=4)
    assert await store.records.swap([late]) == [late]
    assert await store.records.load([(team, record_id(1))]) == {}


async def test_only_the_conflicting_documents_of_a_call_lose(store: Store, team: str) -> None:
    await store.records.swap([record(team, number) for number in range(6)])
    await store.records.swap([record(team, number, rev=1) for number in (2, 3)])
    fresh = [record(team, number, rev=1, fields={"n": "mine"}) for number in (0, 1, 4)]
    created = [record(team, number, fields={"n": "mine"}) for number in (7, 8)]
    stale = [record(team, number, rev=1, fields={"n": "stale"}) for number in (2, 3)]
    exists = [record(team, 5, fields={"n": "stale"})]
    lost = await store.records.swap([fresh[0], stale[0], created[0], exists[0], *fresh[1:], stale[1], created[1]])
    assert lost == [stale[0], exists[0], stale[1]]
    stored = {document.record_id: document async for document in store.records.scan(team)}
    mine = {id_ for id_, document in stored.items() if document.fields == {"n": "mine"}}
    assert mine == {document.record_id for document in (*fresh, *created)}
    assert [stored[record_id(number)].rev for number in range(6)] == [2, 2, 2, 2, 2, 1]


async def test_a_document_twice_in_one_call_is_a_bug(store: Store, team: str) -> None:
    with pytest.raises(ValueError, match="twice"):
        await store.records.swap([record(team), record(team)])


async def test_of_concurrent_creations_exactly_one_wins(store: Store, team: str) -> None:
    rivals = [record(team, fields={"writer": number}) for number in range(8)]
    lost = [
        document for losers in await asyncio.gather(*(store.records.swap([r]) for r in rivals)) for document in losers
    ]
    assert len(lost) == 7
    winner = await load_one(store, team)
    assert winner.rev == 1
    assert winner.fields not in [document.fields for document in lost]


async def test_of_concurrent_replacements_exactly_one_wins(store: Store, team: str) -> None:
    await store.records.swap([record(team)])
    rivals = [record(team, rev=1, fields={"writer": number}) for number in range(8)]
    lost = [
        document for losers in await asyncio.gather(*(store.records.swap([r]) for r in rivals)) for document in losers
    ]
    assert len(lost) == 7
    winner = await load_one(store, team)
    assert winner.rev == 2
    assert winner.fields not in [document.fields for document in lost]


async def contribute(store: Store, keys: list[tuple[str, str]], writer: int, times: int) -> None:
    """What routing does: load, decide, swap, and again for what lost."""
    for turn in range(times):
        todo = set(keys)
        while todo:
            stored = await store.people.load(todo)
            folded = [contributed(stored.get(key) or member(*key), writer * times + turn) for key in sorted(todo)]
            todo = {(lost.team, lost.key) for lost in await store.people.swap(folded)}


def contributed(person: Member, number: int) -> Member:
    added = Contribution(rev=1, entity="contact")
    return person.model_copy(update={"contributions": {**person.contributions, record_id(number): added}})


async def test_no_update_of_eight_concurrent_writers_is_lost(store: Store, team: str) -> None:
    keys = [(team, f"{name}@example.com") for name in ("ada", "bob", "eve")]
    await asyncio.gather(*(contribute(store, keys, writer, times=6) for writer in range(8)))
    people = await store.people.load(keys)
    for key in keys:
        assert set(people[key].contributions) == {record_id(number) for number in range(48)}
        assert people[key].rev >= 48


async def test_a_scan_is_complete_and_ordered_beyond_one_page(store: Store, team: str) -> None:
    numbers = [(number * 7919) % 2501 for number in range(2501)]
    await store.records.swap([record(team, number) for number in numbers])
    scanned = [document.record_id async for document in store.records.scan(team)]
    assert scanned == [record_id(number) for number in range(2501)]
    rest = [document.record_id async for document in store.records.scan(team, after=record_id(1499))]
    assert rest == scanned[1500:]


async def test_a_scan_orders_ids_by_code_point(store: Store, team: str) -> None:
    keys = ["Zed@x", "a.b@x", "a:b@x", "a@x", "zoë@x", "{@x", "北@x", "🦊@x"]
    await store.people.swap([member(team, key) for key in reversed(keys)])
    assert [person.key async for person in store.people.scan(team)] == sorted(keys)
    for position, key in enumerate(sorted(keys)):
        assert [person.key async for person in store.people.scan(team, after=key)] == sorted(keys)[position + 1 :]


async def test_teams_never_meet(store: Store, team: str) -> None:
    """Equal ids in two teams, one of whose names begins with the other's."""
    others = [f"{team}-b", f"{team}0"]
    for name in (team, *others):
        assert await store.records.swap([record(name, fields={"of": name})]) == []
    await store.records.swap([record(team, rev=1, fields={"of": team, "edited": True})])
    for name in others:
        assert (await load_one(store, name)).fields == {"of": name}
        assert [document.team async for document in store.records.scan(name)] == [name]
    assert [document.team async for document in store.records.scan(team)] == [team]


async def test_collections_never_meet(store: Store, team: str) -> None:
    await store.people.swap([member(team, "example.com")])
    assert await store.accounts.load([(team, "example.com")]) == {}
