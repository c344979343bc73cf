"""Lists and the org: questions about records, comparisons, definitions that change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from schemas.documents import Destination, Job, ListDefinition, Record, Rule, RuleSet
from schemas.events import Reevaluation, Version
from tests.support.waiting import until
from workers.adapters.memory.salesforce import EPOCH_MS
from workers.capture.lists import asker
from workers.ports import FieldInfo, ListInfo, Refused, Unavailable

from .capture_rig import QUICK, Rig, record_id

OWNER = {"field": "Owner.Name", "operator": "equals", "values": ["'Ann'"]}
"""Only the org can evaluate it."""
TITLE = {"field": "Title", "operator": "equals", "values": ["'VP'"]}
QUERY = "SELECT Name FROM Contact WHERE Title = 'VP' ORDER BY Name ASC NULLS FIRST, Id ASC NULLS FIRST"
"""What the org in memory makes of both."""
HOURS_AGO = EPOCH_MS - 7_200_000
ADA, BOB, EVE = record_id(1), record_id(2), record_id(3)
LIST = "00B000000000001AAA"
JOB = f"list-{LIST}"


def definition(where: dict[str, Any], **given: Any) -> ListDefinition:
    return ListDefinition(
        list_id=LIST, entity="contact", label="VPs", scope="everything", where=where, query=QUERY, fetched_at_ms=1
    ).model_copy(update=given)


async def rig_with(where: dict[str, Any], **settings: Any) -> Rig:
    """A connected team with a rule on one list; of three contacts the first two are in it."""
    rig = Rig(pace=replace(QUICK, **settings))
    await rig.connect()
    for one, title in ((ADA, "VP"), (BOB, "VP"), (EVE, "CEO")):
        await rig.org.write("contact", [one], {"LastName": "Name", "Title": title}, "CREATE")
    describe(rig, where)
    rule = Rule(
        rule_id="contact-1",
        entity="contact",
        list_ids=(LIST,),
        destination=Destination(kind="only"),
        created_at_ms=EPOCH_MS,
    )
    rules = RuleSet(team="acme", version=3, rules=(rule,), lists={LIST: definition(where)})
    assert not await rig.store.rule_sets.swap([rules])
    return rig


def describe(rig: Rig, where: dict[str, Any], query: str = QUERY) -> None:
    told = {"scope": "everything", "whereCondition": where, "query": query}
    rig.org.list_views["contact"][LIST] = (ListInfo(LIST, "VPs", "VPs"), told)


async def mirror(rig: Rig, one: str, at_ms: int = HOURS_AGO, **given: Any) -> None:
    stored = (await rig.store.records.load([("acme", one)])).get(("acme", one))
    record = Record(
        team="acme", record_id=one, entity="contact", alive=True, full_version=Version(at_ms, 0, 0), rule_set_version=3
    )
    rev = stored.rev if stored else 0
    assert not await rig.store.records.swap([record.model_copy(update={"rev": rev, **given})])


def answers(rig: Rig) -> dict[str, bool]:
    """By record, what routing was last told."""
    return {each.record_id: each.answers[LIST] for each in rig.publisher.published_reevaluations if each.answers}


async def rules(rig: Rig) -> RuleSet:
    return (await rig.store.rule_sets.load([("acme", "acme")]))["acme", "acme"]


async def compared(rig: Rig, times: int = 1) -> Job:
    """The job of the list, once it has ended so often."""
    ended: dict[int, Job] = {}

    async def again() -> bool:
        job = await rig.job(job_id=JOB)
        if job and job.state in ("done", "failed") and job.finished_at_ms is not None:
            ended[job.finished_at_ms] = job
        return len(ended) >= times

    await until(again)
    return ended[max(ended)]


# --- questions -------------------------------------------------------------------------------------------------------


async def test_records_that_changed_are_asked_about_in_one_query() -> None:
    rig = await rig_with(OWNER)
    for one in (ADA, EVE):
        await mirror(rig, one, answers_due=(LIST,))
    await mirror(rig, BOB)
    async with rig.running():
        await until(lambda: answers(rig).keys() >= {ADA, EVE})

    command = next(each for each in rig.publisher.published_reevaluations if each.record_id == ADA and each.answers)
    assert (command.reason, command.answers_for) == ("list", Version(HOURS_AGO, 0, 0))
    assert (answers(rig)[ADA], answers(rig)[EVE]) == (True, False)
    asked = [soql for soql in rig.org.queries if "Id IN" in soql]
    assert len(asked) == 1
    assert asked[0].endswith(f"WHERE (Title = 'VP') AND Id IN ('{ADA}','{EVE}')")


async def test_a_question_is_asked_again_when_the_record_changes_before_its_answer() -> None:
    rig = await rig_with(OWNER)
    await mirror(rig, ADA, answers_due=(LIST,))
    async with rig.running():
        await until(lambda: ADA in answers(rig))
        await mirror(rig, ADA, at_ms=EPOCH_MS, answers_due=(LIST,))
        await until(lambda: told_for(rig, Version(EPOCH_MS, 0, 0)) != [])


def told_for(rig: Rig, version: Version) -> list[Reevaluation]:
    return [each for each in rig.publisher.published_reevaluations if each.answers_for == version]


async def test_questions_wait_while_our_share_of_the_calls_is_used_up() -> None:
    rig = await rig_with(OWNER)
    rig.org.calls_left = 0
    await mirror(rig, ADA, answers_due=(LIST,))
    async with rig.running():
        await until(lambda: rig.streaming() or len(rig.org.subscriptions) > 0)
        await until(rig.looked(20))
        assert answers(rig) == {}
        rig.org.calls_left = 1_000
        await until(lambda: ADA in answers(rig))


async def test_an_org_that_does_not_answer_is_asked_again() -> None:
    rig = await rig_with(OWNER)
    rig.org.failures["query"] = [Unavailable("503")]
    await mirror(rig, ADA, answers_due=(LIST,))
    async with rig.running():
        await until(lambda: ADA in answers(rig))


async def test_an_answer_that_could_not_be_told_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question stays in the record until routing has written the answer, whoever dies in between."""
    rig = await rig_with(OWNER)
    tell, failing = rig.publisher.reevaluations, iter([True, True])

    async def fails_first(commands: Sequence[Reevaluation]) -> None:
        if next(failing, False):
            raise Unavailable("no broker")
        await tell(commands)

    monkeypatch.setattr(rig.publisher, "reevaluations", fails_first)
    await mirror(rig, ADA, answers_due=(LIST,))
    async with rig.running():
        await until(lambda: ADA in answers(rig))


async def test_a_list_about_which_very_many_ask_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "PAGE_RECORDS", 2)
    rig = await rig_with(OWNER)
    for one in (ADA, BOB, EVE):
        await mirror(rig, one, answers_due=(LIST,))
    async with rig.running():
        await until(lambda: len(answers(rig)) == 3)

    assert answers(rig) == {ADA: True, BOB: True, EVE: False}
    assert not [soql for soql in rig.org.queries if "Id IN" in soql]


async def test_a_list_whose_query_is_refused_is_compared_so_that_its_rule_says_why() -> None:
    rig = await rig_with(OWNER, list_interval_seconds=1e9)
    await mirror(rig, ADA, answers_due=(LIST,))
    async with rig.running():
        await compared(rig)
        del rig.org.list_views["contact"][LIST]
        rig.org.failures["query"] = [Refused("INVALID_FIELD")] * 3
        await mirror(rig, ADA, at_ms=EPOCH_MS, answers_due=(LIST,))
        await until(lambda: _in_trouble(rig))


async def _in_trouble(rig: Rig) -> bool:
    return bool((await rules(rig)).lists[LIST].trouble)


# --- comparisons -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rest_records", [0, 2_000], ids=["bulk", "rest"])
async def test_whom_a_list_holds_that_only_the_org_can_tell_its_comparison_tells_at_once(rest_records: int) -> None:
    rig = await rig_with(OWNER, list_interval_seconds=1e9, rest_records=rest_records)
    await mirror(rig, ADA)
    await mirror(rig, BOB, in_lists=(LIST,))
    await mirror(rig, EVE, in_lists=(LIST,))
    async with rig.running():
        job = await compared(rig)

    assert answers(rig) == {ADA: True, EVE: False}
    assert (job.report["rows"], job.report["missing"], job.report["extra"], job.report["answered"]) == (2, 0, 0, 2)
    assert job.kind == "list"


async def test_a_record_that_has_just_changed_is_asked_about_itself() -> None:
    """The list may have been read before the change, and our record after it."""
    rig = await rig_with(OWNER, list_interval_seconds=1e9)
    await mirror(rig, ADA, at_ms=EPOCH_MS)
    await mirror(rig, BOB, in_lists=(LIST,))
    async with rig.running():
        await compared(rig)

    assert [soql for soql in rig.org.queries if "Id IN" in soql] != []
    assert answers(rig) == {ADA: True}


async def test_a_missed_change_is_read_again_and_told_as_drift() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    async with rig.running():
        await until(rig.streaming)
        for one in (ADA, BOB, EVE):
            rig.org.rows["contact"][one]["SystemModstamp"] = "2023-11-14T21:33:20.000Z"
        await mirror(rig, ADA, in_lists=(LIST,), at_ms=EPOCH_MS - 9_000_000, fields={"Title": "VP"})
        await mirror(rig, BOB, at_ms=EPOCH_MS - 9_000_000, fields={"Title": "CEO"})
        before = len(rig.published())
        await until(lambda: BOB in [change.record_id for change in rig.published()[before:]])
        job = await compared(rig)

    assert (job.report["missing"], job.report["repaired"]) == (1, 1)
    assert job.detail == f"for example {BOB}"


async def test_what_is_still_being_evaluated_is_no_drift() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    await mirror(rig, ADA, rule_set_version=2)
    await mirror(rig, BOB, at_ms=EPOCH_MS)
    async with rig.running():
        await until(rig.streaming)
        job = await compared(rig)

    assert (job.report["missing"], job.report["waiting"]) == (0, 2)
    assert "repaired" not in job.report


async def test_a_contact_whose_account_has_just_changed_is_still_being_evaluated() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    account = record_id(7, "001")
    version = Version(EPOCH_MS, 0, 0)
    changed = Record(team="acme", record_id=account, entity="account", alive=True, full_version=version)
    await rig.store.records.swap([changed])
    await mirror(rig, ADA, fields={"Title": "VP", "AccountId": account})
    await mirror(rig, BOB, in_lists=(LIST,))
    async with rig.running():
        await until(rig.streaming)
        job = await compared(rig)

    assert (job.report["missing"], job.report["waiting"]) == (0, 1)


async def test_a_list_that_we_evaluate_otherwise_twice_in_a_row_is_left_to_the_org() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    async with rig.running():
        await until(rig.streaming)
        for one in (ADA, BOB):
            rig.org.rows["contact"][one]["SystemModstamp"] = "2023-11-14T20:13:20.000Z"
        await mirror(rig, ADA, in_lists=(LIST,), fields={"LastName": "Name", "Title": "VP"})
        await mirror(rig, BOB, fields={"LastName": "Name", "Title": "VP"})
        await until(lambda: _distrusted(rig))
        await until(lambda: answers(rig) == {BOB: True})

    edit = (await rules(rig)).edit
    assert edit is not None
    assert edit.who == "salesforce"
    assert BOB in edit.what


async def _distrusted(rig: Rig) -> bool:
    return bool((await rules(rig)).lists[LIST].distrust)


# --- definitions -----------------------------------------------------------------------------------------------------


async def test_a_filter_that_an_administrator_changed_becomes_a_version_of_the_rules() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    changed = {"field": "Title", "operator": "equals", "values": ["'CEO'"]}
    describe(rig, changed, QUERY.replace("VP", "CEO"))
    async with rig.running():
        await until(lambda: _version(rig, 4))

    rule_set = await rules(rig)
    assert rule_set.lists[LIST].where == changed
    assert rule_set.edit is not None
    assert (rule_set.edit.who, rule_set.edit.what) == ("salesforce", "list “VPs” has another filter")
    assert rule_set.version == 4, "once"


async def test_a_new_filter_is_looked_at_for_what_salesforce_computes() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    rig.org.fields_of["contact"] = (FieldInfo("Grade__c", "string", calculated=True), FieldInfo("Title", "string"))
    graded = {"field": "Grade__c", "operator": "equals", "values": ["'A'"]}
    describe(rig, graded, QUERY.replace("Title = 'VP'", "Grade__c = 'A'"))
    async with rig.running():
        await until(lambda: _version(rig, 4))
    assert (await rules(rig)).lists[LIST].calculated == ("Grade__c",)


async def _version(rig: Rig, version: int) -> bool:
    return (await rules(rig)).version >= version


async def test_a_list_whose_query_an_older_program_did_not_keep_is_no_other_list() -> None:
    rig = await rig_with(OWNER, list_interval_seconds=0.001)
    stored = await rules(rig)
    older = stored.model_copy(update={"lists": {LIST: definition(OWNER, query="", label="VPs")}})
    assert not await rig.store.rule_sets.swap([older])
    async with rig.running():
        await compared(rig, times=2)

    assert (await rules(rig)).version == 3


async def test_other_columns_are_no_other_list() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    describe(rig, TITLE, QUERY.replace("SELECT Name", "SELECT Name, Email"))
    async with rig.running():
        await compared(rig, times=2)

    assert (await rules(rig)).version == 3


async def test_a_list_that_was_renamed_gets_its_new_name() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    info, described = rig.org.list_views["contact"][LIST]
    rig.org.list_views["contact"][LIST] = (replace(info, label="Bosses"), described)
    async with rig.running():
        await until(lambda: _version(rig, 4))
        await compared(rig, times=2)

    rule_set = await rules(rig)
    assert rule_set.lists[LIST].label == "Bosses"
    assert rule_set.edit is not None
    assert rule_set.edit.what == "list “VPs” is called “Bosses” now"
    assert rule_set.version == 4, "once"


async def test_a_list_that_is_gone_says_so_and_recovers_by_itself() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    view = rig.org.list_views["contact"].pop(LIST)
    async with rig.running():
        await until(lambda: _in_trouble(rig))
        job = await compared(rig, times=2)
        assert (job.state, job.detail) == ("failed", f"the list {LIST} was deleted, or is no longer shared")
        assert (await rules(rig)).version == 4, "told once"
        rig.org.list_views["contact"][LIST] = view
        await until(lambda: _version(rig, 5))

    rule_set = await rules(rig)
    assert rule_set.lists[LIST] == definition(TITLE)
    assert rule_set.edit is not None
    assert rule_set.edit.what == "list “VPs” can be read again"


async def test_a_list_that_became_unusable_keeps_its_last_definition() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    rig.org.list_views["contact"][LIST][1]["scope"] = "mru"
    async with rig.running():
        await until(lambda: _in_trouble(rig))

    stored = (await rules(rig)).lists[LIST]
    assert "recently" in stored.trouble
    assert stored.where == TITLE


async def test_a_list_that_no_rule_uses_is_not_compared() -> None:
    rig = await rig_with(TITLE, list_interval_seconds=0.001)
    stored = await rules(rig)
    idle = stored.rules[0].model_copy(update={"active": False})
    assert not await rig.store.rule_sets.swap([stored.model_copy(update={"rules": (idle,), "version": 4})])
    async with rig.running():
        await until(rig.streaming)
        await until(rig.looked(20))

    assert await rig.job(job_id=JOB) is None
