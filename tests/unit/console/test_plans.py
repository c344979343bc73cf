"""A preview tells what saving then does."""

from __future__ import annotations

import random
from typing import Any

import pytest

from schemas.documents import Destination, FieldMapping, Rule, Segment
from schemas.events import Change, Entity
from tests.unit.runtime.crm import LISTS, PREFIXES, change, city_list, record_id
from tests.unit.runtime.routed import Routed, routed
from workers.console import plans
from workers.console.mappings import Wanted, mapping_fields, unmapping_fields
from workers.console.plans import Plan, preview, save
from workers.console.rules import RuleChange, activating_rule, adding_rule, deactivating_rule, editing_rule
from workers.core.preview import Moves, Preview
from workers.ports import FieldInfo, Refused
from workers.runtime.edits import By, RuleSetEdit, rule_set_of
from workers.runtime.reapply import Reapplier

TEAM = "acme"
BY = By("ann", 0)
CITIES = ("Oslo", "Bergen", "Rome", None)


def population(seed: int) -> list[Change]:
    """Contacts and leads that share people, accounts that share domains; some without either."""
    rng = random.Random(seed)
    made: list[Change] = []
    for entity in PREFIXES.values():
        for number in range(20):
            fields: dict[str, Any] = {"City": rng.choice(CITIES), "Title": rng.choice(("VP", "CEO", None))}
            if entity == "account":
                fields["Website"] = rng.choice((None, f"firm{number % 7}.com"))
            else:
                fields["Email"] = rng.choice((None, f"p{number % 9}@firm{number % 5}.com"))
            if entity == "contact":
                fields["AccountId"] = rng.choice((None, record_id("account", rng.randrange(20))))
            made.append(change(record_id(entity, number), "create", number + 1, **fields))
    return made


async def populated(*rules: Rule, seed: int = 1) -> Routed:
    built = await routed(*rules)
    await built.apply(*population(seed))
    await built.settle()
    return built


def into(segment: str | None) -> Destination:
    return Destination(kind="only") if segment is None else Destination(kind="segment", segment_id=segment)


EDITS: dict[str, tuple[Entity, RuleSetEdit[Any]]] = {
    "a further list of people": ("contact", adding_rule("contact", [LISTS["contact-Rome"]], into("north"), BY)),
    "by the account": ("contact", adding_rule("contact", [LISTS["contact-at-Rome"]], into("romans"), BY)),
    "leads": ("lead", adding_rule("lead", [LISTS["lead-Bergen"], LISTS["lead-Rome"]], into("west"), BY)),
    "people only": ("lead", adding_rule("lead", [LISTS["lead-Rome"]], into(None), BY)),
    "accounts": ("account", adding_rule("account", [LISTS["account-Rome"]], into("firms"), BY)),
    "another segment": ("contact", editing_rule("contact-Oslo-north", RuleChange(destination=into("west")), BY)),
    "another list": (
        "contact",
        editing_rule("contact-Oslo-north", RuleChange(add=[LISTS["contact-Rome"]], remove=["Oslo"]), BY),
    ),
    "de-activated": ("contact", deactivating_rule("contact-Oslo-north", BY, remove=True)),
    "de-activated, kept": ("contact", deactivating_rule("contact-Oslo-north", BY)),
    "accounts de-activated": ("account", deactivating_rule("account-Oslo-firms", BY, remove=True)),
    "activated again": ("account", activating_rule("account-Oslo-firms", BY)),
}


FIRST: dict[str, RuleSetEdit[Any]] = {"activated again": deactivating_rule("account-Oslo-firms", BY, remove=True)}
"""What was done before, by the name of the edit."""


def difference(before: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]]) -> dict[str | None, Moves]:
    """By segment; None: of the members."""

    def inside(state: dict[str, tuple[str, ...]], segment: str | None) -> set[str]:
        return {key for key, segments in state.items() if segment is None or segment in segments}

    segments = {None, *(each for state in (before, after) for found in state.values() for each in found)}
    return {
        each: Moves(len(inside(after, each) - inside(before, each)), len(inside(before, each) - inside(after, each)))
        for each in segments
    }


def moving(moves: dict[Any, Moves]) -> dict[Any, Moves]:
    return {each: found for each, found in moves.items() if found != Moves()}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", EDITS)
async def test_a_preview_tells_what_saving_does(name: str, seed: int) -> None:
    entity, edit = EDITS[name]
    team = await populated(seed=seed)
    if name in FIRST:
        await save(team.store, Plan(TEAM, entity, FIRST[name]), BY)
        await applied(team)
    people, accounts = team.people(), team.accounts()
    found = await preview(team.store, Plan(TEAM, entity, edit), BY, lambda *_: None)
    await save(team.store, Plan(TEAM, entity, edit), BY)
    await applied(team)
    of_people, of_accounts = difference(people, team.people()), difference(accounts, team.accounts())
    assert found.imported == {"people": of_people.pop(None), "accounts": of_accounts.pop(None)}
    assert moving(found.segments) == moving(of_people | of_accounts)
    assert (found.looked_at, found.records, found.sampled) == (20, 20, False)


async def applied(team: Routed) -> None:
    rule_set = await rule_set_of(team.store, TEAM)
    while rule_set.applied_version < rule_set.version:
        await Reapplier(team.store, team.publisher).look(0)
        await team.settle()
        rule_set = await rule_set_of(team.store, TEAM)


async def test_nothing_is_written() -> None:
    team = await populated()
    before = await rule_set_of(team.store, TEAM)
    entity, edit = EDITS["leads"]
    segment = Segment(team=TEAM, segment_id="vips", name="VIPs", kind="people", created_at_ms=0)
    await preview(team.store, Plan(TEAM, entity, edit, segment), BY, lambda *_: None)
    assert await rule_set_of(team.store, TEAM) == before
    assert [each async for each in team.store.segments.scan(TEAM)] == []
    await save(team.store, Plan(TEAM, entity, edit, segment), BY)
    assert [each.name async for each in team.store.segments.scan(TEAM)] == ["VIPs"]
    for ask in (save(team.store, Plan(TEAM, entity, edit, segment), BY), look(team, Plan(TEAM, entity, edit, segment))):
        with pytest.raises(Refused, match="has a segment “VIPs”"):
            await ask


async def look(team: Routed, plan: Plan[Any]) -> Preview:
    return await preview(team.store, plan, BY, lambda *_: None)


async def test_whom_rules_select_without_an_identity_is_counted_by_reason() -> None:
    team = await routed()
    contacts = [(1, None), (2, "nonsense"), (3, "joe@acme.com"), (4, None)]
    await team.apply(*(change(record_id("contact", n), "create", 1, City="Oslo", Email=email) for n, email in contacts))
    found = await look(team, Plan(TEAM, "contact", adding_rule("contact", [LISTS["contact-Oslo"]], into("x"), BY)))
    assert found.skipped == {"no_email": 2, "invalid_email": 1}


async def test_fields_that_a_mapping_fills_differently_are_counted() -> None:
    team = await routed()
    contacts = [(1, "VP"), (2, "CEO"), (3, None)]
    await team.apply(
        *(
            change(record_id("contact", n), "create", 1, City="Oslo", Email=f"p{n}@x.com", Title=title)
            for n, title in contacts
        )
    )
    by_city: RuleSetEdit[tuple[FieldMapping, ...]] = mapping_fields(
        "contact", [Wanted("city", ("City",))], {"City": FieldInfo("City", "string")}
    )
    assert (await look(team, Plan(TEAM, "contact", by_city))).fields == {"city": 3}
    assert (await look(team, Plan(TEAM, "contact", unmapping_fields("contact", ["title"])))).fields == {"title": 2}


async def test_lists_that_only_the_org_can_evaluate_are_named_with_the_reason() -> None:
    team = await populated()
    theirs = city_list("contact", "Oslo").model_copy(update={"list_id": "theirs", "label": "Ours", "scope": "team"})
    found = await look(team, Plan(TEAM, "contact", adding_rule("contact", [theirs], into("x"), BY)))
    assert found.needs_org == {"Ours": ("it shows the records of the connected user's team",)}


async def test_what_saving_refuses_a_preview_refuses() -> None:
    team = await populated()
    with pytest.raises(Refused, match="has no rule contact-9"):
        await look(team, Plan(TEAM, "contact", deactivating_rule("contact-9", BY)))


async def test_of_many_records_a_sample_is_extrapolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "EXACT_RECORDS", 99)
    monkeypatch.setattr(plans, "SAMPLE_RECORDS", 50)
    team = await routed()
    await team.apply(
        *(change(record_id("contact", n), "create", 1, City="Rome", Email=f"p{n}@x.com") for n in range(100))
    )
    progress: list[tuple[int, int]] = []
    plan = Plan(TEAM, "contact", adding_rule("contact", [LISTS["contact-Rome"]], into("x"), BY))
    found = await preview(team.store, plan, BY, lambda done, total: progress.append((done, total)))
    assert (found.looked_at, found.records, found.sampled) == (50, 100, True)
    assert (found.imported["people"], found.segments["x"]) == (Moves(100, 0), Moves(100, 0))
    assert progress == [(50, 50)]
