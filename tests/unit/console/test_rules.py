"""What a marketer may do with rules, and what is said when it cannot be done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.documents import Connection, Destination, ListDefinition, OrgCalendar, RuleSet
from schemas.events import Entity
from workers.adapters.memory.salesforce import MemoryOrg
from workers.adapters.memory.store import memory_store
from workers.console.audit import entries
from workers.console.lists import define_list, read_calendar
from workers.console.progress import team_status
from workers.console.rules import (
    RuleChange,
    activating_rule,
    adding_rule,
    deactivating_rule,
    editing_rule,
)
from workers.console.segments import existing_segment, make_segment, planned_segment, slug
from workers.console.teams import save_connection
from workers.ports import FieldInfo, Habits, ListInfo, Refused, Store, Unavailable
from workers.runtime.edits import By, edit_rule_set, rule_set_of

TEAM = "acme"
ONLY = Destination(kind="only")
LIST_ID = "00B000000000001AAA"
OPEN = {"field": "Status", "operator": "equals", "values": ["'Open'"]}


def org_with(*lists: tuple[str, str, str], where: Any = None, scope: str | None = "everything") -> MemoryOrg:
    """Lead lists by (id, label, developer name)."""
    org = MemoryOrg()
    describe = {"scope": scope, "whereCondition": where}
    for list_id, label, developer_name in lists:
        org.list_views["lead"][list_id] = (ListInfo(list_id, label, developer_name), describe)
    return org


def at(now_ms: int) -> By:
    return By("ann", now_ms)


def definition(number: int, entity: Entity = "lead") -> ListDefinition:
    return ListDefinition(
        list_id=f"00B{number:012d}AAA",
        entity=entity,
        label=f"List {number}",
        scope="everything",
        where={},
        fetched_at_ms=1,
    )


@pytest.fixture
def store() -> Store:
    return memory_store()


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Open Leads", "open leads", "Open_Leads", "OPEN_LEADS", LIST_ID, LIST_ID[:15]])
async def test_a_list_is_found_by_label_developer_name_or_id(name: str) -> None:
    org = org_with(("00B000000000002AAA", "All", "All"), (LIST_ID, "Open Leads", "Open_Leads"), where=OPEN)
    found = await define_list(org, "lead", name, 7)
    assert found == ListDefinition(
        list_id=LIST_ID,
        entity="lead",
        label="Open Leads",
        scope="everything",
        where=OPEN,
        user_id=org.counts.user_id,
        fetched_at_ms=7,
    )


async def test_a_list_without_conditions_holds_everything() -> None:
    found = await define_list(org_with((LIST_ID, "All", "All"), scope=None), "lead", "All", 7)
    assert (found.scope, found.where) == ("everything", {"conditions": [], "conjunction": "and"})


async def test_relative_dates_count_as_the_org_does() -> None:
    org = MemoryOrg()
    org.counts = Habits("005000000000001AAA", "Europe/Oslo", "nb_NO", fiscal_year_starts=4)
    assert await read_calendar(org) == OrgCalendar(time_zone="Europe/Oslo", week_starts=0, fiscal_year_starts=4)


async def test_amounts_of_an_org_with_several_currencies_are_noted() -> None:
    org = org_with((LIST_ID, "All", "All"))
    assert not (await define_list(org, "lead", "All", 7)).several_currencies
    org.fields_of = {"lead": (FieldInfo("CurrencyIsoCode", "picklist"),)}
    assert (await define_list(org, "lead", "All", 7)).several_currencies


async def test_a_list_that_the_user_does_not_see_needs_sharing_by_an_administrator() -> None:
    with pytest.raises(Refused) as refused:
        await define_list(org_with((LIST_ID, "Mine", "Mine"), ("00B000000000002AAA", "All", "A")), "lead", "Board", 7)
    said = str(refused.value)
    assert said.startswith("the connected user sees no lead list “Board”. If it exists, a Salesforce administrator can")
    assert "Sharing Settings" in said
    assert said.endswith("Visible: All, Mine")


async def test_a_user_who_sees_no_list_is_told_so() -> None:
    with pytest.raises(Refused, match="Visible: none"):
        await define_list(org_with(), "lead", "Hot", 7)
    with pytest.raises(Refused, match="the name of a list is empty"):
        await define_list(org_with(), "lead", " ", 7)


async def test_a_label_that_two_lists_have_is_ambiguous() -> None:
    org = org_with((LIST_ID, "Open", "Open_1"), ("00B000000000002AAA", "OPEN", "Open_2"))
    with pytest.raises(Refused, match=f"several lead lists .*{LIST_ID}, 00B000000000002AAA"):
        await define_list(org, "lead", "open", 7)
    assert (await define_list(org, "lead", "Open_2", 7)).list_id == "00B000000000002AAA"


async def test_an_id_is_told_apart_by_case() -> None:
    with pytest.raises(Refused, match="sees no lead list"):
        await define_list(org_with(("00Ba00000000001AAA", "Open", "Open")), "lead", "00BA00000000001", 7)


@pytest.mark.parametrize(
    ("where", "scope", "said"),
    [
        (
            {"field": "Status", "operator": "within", "values": ["1"]},
            "everything",
            ("Status (within)", "choose another"),
        ),
        (
            {"field": "Owner.Name", "operator": "equals", "values": ["'A'"]},
            "everything",
            ("Owner.Name", "only the account"),
        ),
        (None, "team", ("Open Leads", "records of the connected user's team", "another list")),
        (None, "newer_scope", ("scope “newer_scope”", "another list")),
    ],
)
async def test_a_list_that_cannot_be_evaluated_is_named_with_a_remedy(
    where: Any, scope: str, said: tuple[str, ...]
) -> None:
    org = org_with((LIST_ID, "Open Leads", "Open_Leads"), where=where, scope=scope)
    with pytest.raises(Refused, match="List “Open Leads”") as refused:
        await define_list(org, "lead", "Open Leads", 7)
    assert all(part in str(refused.value) for part in said)


# --- rules -----------------------------------------------------------------------------------------------------------


async def test_rules_are_numbered_and_each_edit_is_a_version(store: Store) -> None:
    lists = [definition(1), definition(2), definition(1)]
    first = await edit_rule_set(store, TEAM, adding_rule("lead", lists, ONLY, at(5)), at(5))
    second = await edit_rule_set(store, TEAM, adding_rule("account", [definition(3, "account")], ONLY, at(6)), at(6))
    assert (first.rule_id, first.list_ids, first.active) == (
        "lead-1",
        (definition(1).list_id, definition(2).list_id),
        True,
    )
    assert second.rule_id == "account-2"
    rule_set = await rule_set_of(store, TEAM)
    assert (rule_set.version, rule_set.rules) == (2, (first, second))
    assert set(rule_set.lists) == {definition(n).list_id for n in (1, 2, 3)}
    assert await store.rule_set_queries.unapplied(9) == [rule_set]


async def test_a_list_used_again_is_taken_as_it_is_now(store: Store) -> None:
    await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(5)), at(5))
    renamed = definition(1).model_copy(update={"label": "Renamed"})
    await edit_rule_set(store, TEAM, adding_rule("lead", [renamed], ONLY, at(6)), at(6))
    assert (await rule_set_of(store, TEAM)).lists == {renamed.list_id: renamed}


async def test_a_rule_is_deactivated_and_kept(store: Store) -> None:
    rule = await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(5)), at(5))
    other = await edit_rule_set(store, TEAM, adding_rule("lead", [definition(2)], ONLY, at(6)), at(6))
    idle = await edit_rule_set(store, TEAM, deactivating_rule(rule.rule_id, at(7)), at(7))
    assert (idle.active, idle.retains, idle.list_ids) == (False, True, rule.list_ids)
    assert (idle.changed_at_ms, idle.changed_by, idle.edits) == (7, "ann", 1)
    assert (await rule_set_of(store, TEAM)).rules == (idle, other)
    assert (
        await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(7)), at(7))
    ).rule_id == "lead-3"


async def test_an_unknown_rule_is_named(store: Store) -> None:
    with pytest.raises(Refused, match="team acme has no rule lead-9; `segment-sync rules list acme` shows"):
        await edit_rule_set(store, TEAM, deactivating_rule("lead-9", at(7)), at(7))
    assert await store.rule_sets.load([(TEAM, TEAM)]) == {}


def vips(name: str) -> Destination:
    return Destination(kind="segment", segment_id=name)


async def test_lists_are_added_and_removed_and_the_destination_changes(store: Store) -> None:
    rule = await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1), definition(2)], ONLY, at(5)), at(5))
    change = RuleChange(add=[definition(3)], remove=["LIST 1"], destination=vips("vips"), on_leave="keep")
    edited = await edit_rule_set(store, TEAM, editing_rule(rule.rule_id, change, at(6)), at(6))
    assert edited.list_ids == (definition(2).list_id, definition(3).list_id)
    assert (edited.destination, edited.on_leave) == (vips("vips"), "keep")
    assert (await rule_set_of(store, TEAM)).rules == (edited,)


async def test_what_is_not_named_stays(store: Store) -> None:
    rule = await edit_rule_set(
        store, TEAM, adding_rule("lead", [definition(1)], vips("vips"), at(5), on_leave="keep"), at(5)
    )
    edited = await edit_rule_set(store, TEAM, editing_rule(rule.rule_id, RuleChange(add=[definition(2)]), at(6)), at(6))
    assert (edited.destination, edited.on_leave) == (vips("vips"), "keep")


async def test_a_rule_keeps_at_least_one_list(store: Store) -> None:
    rule = await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(5)), at(5))
    with pytest.raises(Refused, match="rule lead-1 needs a list: de-activate it"):
        await edit_rule_set(
            store, TEAM, editing_rule(rule.rule_id, RuleChange(remove=[definition(1).list_id]), at(6)), at(6)
        )


async def test_a_list_that_the_rule_has_not_is_named_with_those_it_has(store: Store) -> None:
    rule = await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(5)), at(5))
    with pytest.raises(Refused, match="rule lead-1 has no list “List 2”; it has: List 1"):
        await edit_rule_set(store, TEAM, editing_rule(rule.rule_id, RuleChange(remove=["List 2"]), at(6)), at(6))


async def test_of_two_who_edit_what_they_saw_the_second_is_told(store: Store) -> None:
    rule = await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(5)), at(5))
    seen = RuleChange(destination=vips("a"), seen_edits=rule.edits)
    await edit_rule_set(store, TEAM, editing_rule(rule.rule_id, seen, By("joe", 6)), By("joe", 6))
    with pytest.raises(Refused, match="rule lead-1 was changed by joe in the meantime"):
        await edit_rule_set(store, TEAM, editing_rule(rule.rule_id, seen, at(7)), at(7))


async def test_a_deactivated_rule_is_activated_again(store: Store) -> None:
    rule = await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(5)), at(5))
    idle = await edit_rule_set(store, TEAM, deactivating_rule(rule.rule_id, at(6), remove=True), at(6))
    assert (idle.active, idle.retains) == (False, False)
    again = await edit_rule_set(store, TEAM, activating_rule(rule.rule_id, at(7)), at(7))
    assert (again.active, again.retains, again.list_ids) == (True, False, rule.list_ids)


async def test_every_edit_is_in_the_audit_log_with_who_and_when(store: Store) -> None:
    rule = await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(5)), at(5))
    await edit_rule_set(
        store, TEAM, editing_rule(rule.rule_id, RuleChange(destination=vips("vips")), By("joe", 6)), By("joe", 6)
    )
    await edit_rule_set(store, TEAM, deactivating_rule(rule.rule_id, at(7)), at(7))
    assert [(entry.at_ms, entry.who, entry.what) for entry in await entries(store, TEAM)] == [
        (7, "ann", "rule lead-1 de-activated, members kept: leads of List 1 -> segment vips"),
        (6, "joe", "rule lead-1 changed: leads of List 1 -> segment vips"),
        (5, "ann", "rule lead-1 added: leads of List 1 -> People Only"),
    ]
    assert await entries(store, "globex") == []


async def test_an_edit_whose_maker_died_is_in_the_log_before_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = store.audit.swap

    async def down(documents: Sequence[object]) -> list[object]:
        raise Unavailable("MongoDB does not answer")

    monkeypatch.setattr(store.audit, "swap", down)
    with pytest.raises(Unavailable):
        await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(5)), at(5))
    monkeypatch.setattr(store.audit, "swap", swap)
    await edit_rule_set(store, TEAM, adding_rule("lead", [definition(2)], ONLY, at(6)), at(6))
    assert [entry.at_ms for entry in await entries(store, TEAM)] == [6, 5]


async def test_edits_that_cross_are_all_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    load = store.rule_sets.load

    async def slow(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], RuleSet]:
        found = await load(keys)
        await asyncio.sleep(0)
        return found

    monkeypatch.setattr(store.rule_sets, "load", slow)
    rules = await asyncio.gather(
        *(edit_rule_set(store, TEAM, adding_rule("lead", [definition(n)], ONLY, at(n)), at(n)) for n in range(5))
    )
    assert sorted(rule.rule_id for rule in rules) == [f"lead-{n}" for n in range(1, 6)]
    rule_set = await rule_set_of(store, TEAM)
    assert (rule_set.version, len(rule_set.rules), len(rule_set.lists)) == (5, 5, 5)


async def test_edits_that_cross_for_ever_are_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(documents: list[RuleSet]) -> list[RuleSet]:
        return documents

    monkeypatch.setattr(store.rule_sets, "swap", lost)
    with pytest.raises(Unavailable, match="the rules of team acme are being edited by others: try again"):
        await edit_rule_set(store, TEAM, adding_rule("lead", [definition(1)], ONLY, at(5)), at(5))


# --- segments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "segment_id"),
    [("Key accounts", "key-accounts"), ("  A & B!  ", "a-b"), ("Q1/2026", "q1-2026"), ("x" * 90, "x" * 80)],
)
def test_a_segment_id_is_made_of_its_name(name: str, segment_id: str) -> None:
    assert slug(name) == segment_id


@pytest.mark.parametrize(("entity", "kind"), [("contact", "people"), ("lead", "people"), ("account", "accounts")])
async def test_the_entity_decides_what_a_segment_holds(store: Store, entity: Entity, kind: str) -> None:
    segment = await make_segment(store, planned_segment(TEAM, "Key", entity, 3), at(3))
    assert (segment.segment_id, segment.name, segment.kind, segment.created_at_ms) == ("key", "Key", kind, 3)
    assert [each async for each in store.segments.scan(TEAM)] == [segment]


async def test_a_new_segment_does_not_take_the_place_of_another(store: Store) -> None:
    first = await make_segment(store, planned_segment(TEAM, "Key", "lead", 3), at(3))
    with pytest.raises(Refused, match=r"has a segment “Key” \(key\) already: use it with --existing-segment"):
        await make_segment(store, planned_segment(TEAM, "KEY!", "account", 4), at(4))
    assert [each.kind async for each in store.segments.scan(TEAM)] == [first.kind]
    assert (await make_segment(store, planned_segment("other", "Key", "account", 4), at(4))).kind == "accounts"


@pytest.mark.parametrize("name", ["key-people", "Key people"])
async def test_an_existing_segment_is_found_by_id_or_name(store: Store, name: str) -> None:
    segment = await make_segment(store, planned_segment(TEAM, "Key people", "lead", 3), at(3))
    assert (await existing_segment(store, TEAM, name, "contact")).segment_id == segment.segment_id


async def test_a_segment_of_the_other_kind_is_refused(store: Store) -> None:
    await make_segment(store, planned_segment(TEAM, "Key", "account", 3), at(3))
    with pytest.raises(Refused, match="segment “Key” holds accounts: a rule for leads needs one of people"):
        await existing_segment(store, TEAM, "Key", "lead")


async def test_an_unknown_segment_is_named_with_those_that_exist(store: Store) -> None:
    with pytest.raises(Refused, match="team acme has no segment “Key”; it has: none"):
        await existing_segment(store, TEAM, "Key", "lead")
    await make_segment(store, planned_segment(TEAM, "Other", "lead", 3), at(3))
    await make_segment(store, planned_segment("globex", "Key", "lead", 3), at(3))
    with pytest.raises(Refused, match=r"it has: Other$"):
        await existing_segment(store, TEAM, "Key", "lead")


# --- teams -----------------------------------------------------------------------------------------------------------


def connection(org_id: str = "00D000000000001", client_id: str = "app") -> Connection:
    return Connection(
        team=TEAM,
        org_id=org_id,
        instance_url="https://acme.my.salesforce.com",
        login_url="https://login.salesforce.com",
        client_id=client_id,
        grant="authorization_code",
        secret="sealed",
        connected_at_ms=1,
    )


async def test_a_team_reconnects_its_own_org(store: Store) -> None:
    await save_connection(store, connection())
    await save_connection(store, connection(client_id="new app"))
    (stored,) = await store.connection_queries.active()
    assert (stored.client_id, stored.rev) == ("new app", 2)


async def test_a_team_has_one_org(store: Store) -> None:
    await save_connection(store, connection())
    with pytest.raises(Refused, match="team acme is connected to org 00D000000000001; a team has one"):
        await save_connection(store, connection("00D000000000002"))
    (stored,) = await store.connection_queries.active()
    assert stored.org_id == "00D000000000001"


async def test_the_status_counts_empty_segments_too(store: Store) -> None:
    await make_segment(store, planned_segment(TEAM, "Key", "lead", 3), at(3))
    status = await team_status(store, TEAM, now_ms=0)
    assert (status.segments, status.people, status.unevaluated, status.jobs) == ({"key": 0}, 0, 0, [])
