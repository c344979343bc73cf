"""A rule edit reaches everything that is stored, whatever happens meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from schemas.documents import FieldMapping, Rule, RuleSet
from workers.runtime import reapply as module
from workers.runtime import sieve
from workers.runtime.reapply import PATIENT_LOOKS, Reapplier, reapply

from .crm import ACME, ANN, JOE, change, record_id, rule
from .routed import Routed, heard, memberships, routed

OSLO, BERGEN = rule("contact", "Oslo", "north"), rule("contact", "Bergen", "west")


async def rule_set(team: Routed, of: str = "acme") -> RuleSet:
    return (await team.store.rule_sets.load([(of, of)]))[of, of]


async def look(team: Routed) -> list[str]:
    """One look at what is due, and what it commands done; the records commanded."""
    await Reapplier(team.store, team.publisher).look(0)
    commands = team.commands()
    await team.applier.apply(commands)
    return [command.record_id for command in commands]


async def people(team: Routed, of: str = "acme") -> None:
    await team.apply(
        change(JOE, "create", 1, of, Email="joe@acme.com", City="Oslo"),
        change(ANN, "create", 1, of, Email="ann@acme.com", City="Bergen"),
    )


async def test_an_edit_is_applied_to_what_is_stored() -> None:
    acme = await routed(OSLO)
    await people(acme)
    await acme.rules(BERGEN)
    assert await look(acme) == [JOE, ANN]
    assert acme.people() == {"ann@acme.com": ("west",)}
    assert (await rule_set(acme)).applied_version == 0  # noted by the look that finds nothing left behind
    assert await look(acme) == []
    assert (await rule_set(acme)).applied_version == 2
    assert heard(acme.publisher.published_memberships) == memberships(acme.store)


async def test_nothing_is_due_once_it_is_applied() -> None:
    acme = await routed(OSLO)
    await people(acme)
    await look(acme)
    applied = await rule_set(acme)
    assert (await look(acme), await rule_set(acme)) == ([], applied)


async def test_a_command_names_its_version_and_reason() -> None:
    acme = await routed(OSLO)
    await people(acme)
    await acme.rules(BERGEN)
    await Reapplier(acme.store, acme.publisher).look(0)
    command = acme.commands()[0]
    assert (command.team, command.entity, command.record_id, command.reason, command.rule_set_version) == (
        "acme",
        "contact",
        JOE,
        "rules",
        2,
    )


async def test_an_edit_while_an_edit_is_applied_is_applied_too() -> None:
    acme = await routed(OSLO)
    await people(acme)
    await acme.rules(BERGEN)
    await look(acme)
    await acme.rules(OSLO, BERGEN)
    assert await look(acme) == [JOE]
    await look(acme)
    applied = await rule_set(acme)
    assert (applied.version, applied.applied_version) == (3, 3)
    assert acme.people() == {"joe@acme.com": ("north",), "ann@acme.com": ("west",)}


async def test_an_edit_between_a_look_and_its_note_is_not_noted_as_applied() -> None:
    acme = await routed(OSLO)
    before = await rule_set(acme)
    await acme.rules(BERGEN)
    await Reapplier(acme.store, acme.publisher).page(before, 0)
    assert (await rule_set(acme)).applied_version == 0


async def test_more_than_a_page_takes_several_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    acme = await routed(OSLO)
    await acme.apply(*(change(record_id("contact", n), "create", 1, City="Oslo") for n in range(5)))
    await acme.rules(BERGEN)
    assert [len(await look(acme)) for _ in range(4)] == [2, 2, 1, 0]
    assert (await rule_set(acme)).applied_version == 2


async def test_who_stands_as_before_is_not_commanded() -> None:
    acme = await routed(OSLO)
    await people(acme)
    before = await acme.record(JOE)
    await acme.rules(OSLO, BERGEN)
    assert await look(acme) == [ANN]
    assert await acme.record(JOE) == before.model_copy(update={"rule_set_version": 2})
    assert (await acme.record(ANN)).rev == 2


@pytest.mark.parametrize(
    "edited",
    [
        rule("contact", "Oslo", "south"),
        rule("contact", "Oslo", None),
        rule("contact", "Oslo", "north").model_copy(update={"rule_id": "another"}),
    ],
    ids=["segment", "people only", "reason"],
)
async def test_whom_the_same_list_holds_for_something_else_is_commanded(edited: Rule) -> None:
    acme = await routed(OSLO)
    await people(acme)
    await acme.rules(edited)
    assert await look(acme) == [JOE]
    assert acme.people() == {"joe@acme.com": tuple(filter(None, [edited.destination.segment_id]))}


async def test_an_edited_mapping_reaches_whom_it_concerns() -> None:
    acme = await routed(OSLO)
    await people(acme)
    before = await rule_set(acme)
    mapped = {"contact": (FieldMapping(source="City", target="town"),)}
    assert not await acme.store.rule_sets.swap([before.model_copy(update={"version": 2, "mappings": mapped})])
    assert await look(acme) == [JOE]
    person = (await acme.store.people.load([("acme", "joe@acme.com")]))["acme", "joe@acme.com"]
    assert person.fields["town"] == "Oslo"


@pytest.mark.parametrize(("sample", "commanded"), [(1, [JOE, ANN]), (2, [JOE])], ids=["all of them", "half"])
async def test_where_most_are_concerned_the_others_are_not_looked_at(
    sample: int, commanded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sieve, "SAMPLE", sample)
    acme = await routed(BERGEN)
    await people(acme)
    await acme.rules(OSLO, BERGEN)
    assert await look(acme) == commanded
    assert acme.people() == {"joe@acme.com": ("north",), "ann@acme.com": ("west",)}


async def test_records_of_an_earlier_version_of_the_program_are_commanded() -> None:
    acme = await routed(OSLO)
    await people(acme)
    joe = await acme.record(JOE)
    await acme.store.records.swap([joe.model_copy(update={"contributed": None})])
    await acme.rules(OSLO, rule("contact", "Rome", "south"))
    assert await look(acme) == [JOE]


async def test_rules_that_cannot_be_compiled_are_left_to_whoever_is_commanded() -> None:
    acme = await routed(OSLO)
    await people(acme)
    before = await rule_set(acme)
    await acme.store.rule_sets.swap([before.model_copy(update={"version": 2, "lists": {}})])
    await Reapplier(acme.store, acme.publisher).look(0)
    assert [command.record_id for command in acme.commands()] == [JOE, ANN]


async def test_teams_are_applied_side_by_side() -> None:
    teams = await routed(OSLO)
    await teams.rules(BERGEN, team="beta")
    await people(teams)
    await people(teams, "beta")
    await teams.rules(BERGEN)
    await teams.rules(OSLO, team="beta")
    await look(teams)
    await look(teams)
    assert (teams.people(), teams.people("beta")) == ({"ann@acme.com": ("west",)}, {"joe@acme.com": ("north",)})
    assert (await rule_set(teams)).applied_version == (await rule_set(teams, "beta")).applied_version == 2


async def test_the_deleted_and_the_accounts_are_reached_too() -> None:
    acme = await routed(OSLO)
    await acme.apply(change(JOE, "delete", 1), change(ACME, "create", 1, Website="acme.com", City="Rome"))
    await acme.rules(rule("account", "Rome", "firms"))
    await look(acme)
    await look(acme)
    assert acme.accounts() == {"acme.com": ("firms",)}
    assert (await rule_set(acme)).applied_version == 2


async def test_it_looks_again_until_it_is_stopped() -> None:
    acme, stop = await routed(OSLO), asyncio.Event()
    await people(acme)
    reapplying = asyncio.create_task(reapply(acme.store, acme.publisher, acme.clock, stop, pace_seconds=0.001))
    for rules in (BERGEN, OSLO):
        await acme.rules(rules)
        async with asyncio.timeout(10):
            while (applied := await rule_set(acme)).applied_version < applied.version:
                await acme.settle()
                await asyncio.sleep(0.001)
    stop.set()
    await asyncio.wait_for(reapplying, 10)
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_what_is_on_its_way_is_not_commanded_again_until_nothing_moves() -> None:
    acme = await routed(OSLO)
    reapplier = Reapplier(acme.store, acme.publisher)
    await people(acme)
    await acme.rules(BERGEN)

    async def look() -> list[str]:
        await reapplier.look(0)
        return [command.record_id for command in acme.commands()]

    assert await look() == [JOE, ANN]
    assert [await look() for _ in range(PATIENT_LOOKS)] == [[]] * PATIENT_LOOKS
    assert await look() == [JOE, ANN]
    await acme.rules(BERGEN, OSLO)
    assert await look() == [ANN], "Joe stands as he was last evaluated"


async def test_the_window_moves_on_with_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    acme = await routed(OSLO)
    reapplier = Reapplier(acme.store, acme.publisher)
    await acme.apply(*(change(record_id("contact", n), "create", 1, City="Oslo") for n in range(5)))
    await acme.rules(BERGEN)
    await reapplier.look(0)
    first, *others = acme.commands()
    await acme.applier.apply([first])
    await reapplier.look(0)
    assert [command.record_id for command in acme.commands()] == [record_id("contact", 3)]
    assert len(others) == 2
