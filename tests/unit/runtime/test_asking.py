"""Lists that only the org can evaluate: questions are left in the records, answers arrive as commands."""

from __future__ import annotations

from schemas.documents import Record, RuleSet
from schemas.events import Reevaluation, Version
from tests.support.clock import SetClock
from workers.runtime.apply import Applier

from .crm import JOE, OF_ANN, RULES, change, command, rule
from .routed import Routed, routed

HERS = rule("contact", "of-Ann", "hers")


async def ours(**fields: str) -> Routed:
    team = await routed(HERS)
    await team.apply(change(JOE, "create", 1, Email="joe@acme.com", **fields))
    return team


def answer(holds: bool, at: int, list_id: str = OF_ANN.list_id) -> Reevaluation:
    return command(JOE).model_copy(update={"answers": {list_id: holds}, "answers_for": Version(at, 1, 1)})


async def test_a_new_record_is_asked_about_and_its_answer_puts_it_into_the_segment() -> None:
    team = await ours()
    assert (await team.record(JOE)).answers_due == (OF_ANN.list_id,)
    assert team.people() == {}

    await team.apply(answer(True, 1))
    joe = await team.record(JOE)
    assert (joe.answers, joe.answers_due, joe.in_lists) == ({OF_ANN.list_id: True}, (), (OF_ANN.list_id,))
    assert team.people() == {"joe@acme.com": ("hers",)}


async def test_a_change_asks_again_and_nobody_moves_before_the_answer() -> None:
    team = await ours()
    await team.apply(answer(True, 1))
    await team.apply(change(JOE, "update", 2, OwnerId="005000000000002AAA"))
    assert (await team.record(JOE)).answers_due == (OF_ANN.list_id,)
    assert team.people() == {"joe@acme.com": ("hers",)}

    await team.apply(answer(False, 2))
    assert team.people() == {}
    assert team.told() == [("entered", "hers", "joe@acme.com"), ("left", "hers", "joe@acme.com")]


async def test_an_answer_about_an_older_state_leaves_the_question_open() -> None:
    team = await ours()
    await team.apply(change(JOE, "update", 2, Title="VP"))
    await team.apply(answer(True, 1))
    joe = await team.record(JOE)
    assert (joe.answers, joe.answers_due) == ({}, (OF_ANN.list_id,))

    await team.apply(change(JOE, "update", 3, Title="CEO"), answer(True, 2))
    assert (await team.record(JOE)).answers_due == (OF_ANN.list_id,), "the change is newer than the answer"


async def test_a_command_that_changes_nothing_asks_nothing() -> None:
    team = await ours()
    await team.apply(answer(False, 1))
    asked = await team.record(JOE)
    await team.apply(command(JOE), change(JOE, "create", 1, Email="joe@acme.com"))
    assert await team.record(JOE) == asked


async def test_a_formula_computed_anew_asks_again() -> None:
    team = await ours()
    await team.apply(answer(False, 1))
    await team.apply(change(JOE, "snapshot", 1, Email="joe@acme.com", Grade__c="A"))
    assert (await team.record(JOE)).answers_due == (OF_ANN.list_id,)


async def test_whom_a_new_rule_holds_its_first_comparison_tells_and_not_a_question_for_each_record() -> None:
    team = await routed(*RULES)
    await team.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await team.rules(*RULES, HERS)
    await team.apply(command(JOE))
    assert (await team.record(JOE)).answers_due == ()
    assert team.people() == {"joe@acme.com": ("north",)}


async def test_a_record_that_is_deleted_or_no_longer_listed_is_not_asked_about() -> None:
    team = await ours()
    await team.apply(answer(True, 1))
    await team.rules(*RULES)
    await team.apply(command(JOE))
    joe = await team.record(JOE)
    assert (joe.answers, joe.answers_due, joe.in_lists) == ({}, (), ())

    await team.rules(HERS)
    await team.apply(change(JOE, "update", 2, Title="VP"))
    assert (await team.record(JOE)).answers_due != ()
    await team.apply(change(JOE, "delete", 3))
    assert (await team.record(JOE)).answers_due == ()


# --- lists that change -----------------------------------------------------------------------------------------------


async def redefine(team: Routed, of: str, **update: object) -> None:
    """As a comparison with the org does."""
    stored: RuleSet = (await team.store.rule_sets.load([("acme", "acme")]))["acme", "acme"]
    lists = stored.lists | {of: stored.lists[of].model_copy(update=update)}
    edited = stored.model_copy(update={"lists": lists, "version": stored.version + 1})
    assert not await team.store.rule_sets.swap([edited])
    team.applier = Applier(team.store, team.publisher, SetClock(0))


async def test_a_list_that_nobody_can_read_holds_whom_it_held() -> None:
    """A deleted list must not empty its segment, and nobody can tell who would enter."""
    team = await routed(rule("contact", "Oslo", "north"))
    await team.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await redefine(team, "contact-Oslo", trouble="Salesforce shows no such list")
    await team.apply(command(JOE), change(JOE, "update", 2, City="Rome"))
    assert team.people() == {"joe@acme.com": ("north",)}

    await redefine(team, "contact-Oslo", trouble="")
    await team.apply(command(JOE))
    assert team.people() == {}


async def test_a_list_that_only_the_org_can_read_from_now_on_keeps_its_members_until_the_org_has_answered() -> None:
    team = await routed(rule("contact", "Oslo", "north"))
    await team.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await redefine(team, "contact-Oslo", where=OF_ANN.where)
    await team.apply(command(JOE))
    assert team.people() == {"joe@acme.com": ("north",)}

    await team.apply(answer(False, 1, "contact-Oslo"))
    assert team.people() == {}


def test_an_answer_travels_with_the_version_that_it_is_about() -> None:
    sent = answer(True, 1)
    assert Reevaluation.model_validate_json(sent.model_dump_json()) == sent
    older = {"team": "acme", "entity": "contact", "record_id": JOE, "reason": "rules"}
    assert Reevaluation.model_validate(older).answers == {}


async def test_records_of_an_older_version_of_the_program_can_be_read() -> None:
    stored = {"team": "acme", "record_id": JOE, "entity": "contact"}
    assert Record.model_validate(stored).answers_due == ()
