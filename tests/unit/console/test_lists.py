"""Lists that rules use: who evaluates them, what is wrong with them, what their comparison found."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.documents import Destination, Job, ListDefinition, Rule, RuleSet
from workers.adapters.memory.salesforce import MemoryOrg
from workers.adapters.memory.store import memory_store
from workers.console.lists import define_list, list_statuses, notes, request_comparison, show_list
from workers.ports import ListInfo, Refused, Store

LIST_ID = "00B000000000001AAA"
OWNER = {"field": "Owner.Name", "operator": "equals", "values": ["'Ann'"]}
TITLE = {"field": "Title", "operator": "equals", "values": ["'VP'"]}
QUERY = "SELECT Name FROM Lead WHERE Title = 'VP' ORDER BY Name ASC NULLS FIRST"
WHY = "the condition on Owner.Name (equals) cannot be evaluated here: of related records, only the account of a contact"


async def org_with(where: dict[str, Any], query: str = QUERY, scope: str = "everything") -> MemoryOrg:
    org = MemoryOrg()
    await org.write("lead", ["00Q000000000001AAA"], {"Title": "VP"}, "CREATE")
    await org.write("lead", ["00Q000000000002AAA"], {"Title": "CEO"}, "CREATE")
    describe = {"scope": scope, "whereCondition": where, "query": query}
    org.list_views["lead"][LIST_ID] = (ListInfo(LIST_ID, "VPs", "VPs"), describe)
    return org


def definition(number: int, where: dict[str, Any], **given: Any) -> ListDefinition:
    return ListDefinition(
        list_id=f"00B{number:012d}AAA",
        entity="lead",
        label=f"List {number}",
        scope="everything",
        where=where,
        query=QUERY,
        fetched_at_ms=1,
    ).model_copy(update=given)


def rule(*list_ids: str, rule_id: str = "lead-1", active: bool = True) -> Rule:
    return Rule(
        rule_id=rule_id,
        entity="lead",
        list_ids=list_ids,
        destination=Destination(kind="only"),
        active=active,
        created_at_ms=1,
    )


async def store_with(*definitions: ListDefinition, rules: tuple[Rule, ...]) -> Store:
    store = memory_store()
    lists = {each.list_id: each for each in definitions}
    await store.rule_sets.swap([RuleSet(team="acme", version=1, rules=rules, lists=lists)])
    return store


async def test_a_list_that_only_the_org_can_evaluate_can_be_used() -> None:
    found = await define_list(await org_with(OWNER), "lead", "VPs", 7)
    assert (found.where, found.query) == (OWNER, QUERY)


async def test_a_list_is_shown_with_what_it_holds_and_who_evaluates_it() -> None:
    shown = await show_list(await org_with(OWNER), "lead", "VPs", 7)
    assert shown.records == 1
    assert shown.only_the_org_can_tell[0].startswith(WHY)
    assert (await show_list(await org_with(TITLE), "lead", "VPs", 7)).only_the_org_can_tell == ()


async def test_a_list_that_no_rule_can_use_is_shown_with_the_reason() -> None:
    shown = await show_list(await org_with(TITLE, scope="mru"), "lead", "VPs", 7)
    assert "viewed recently" in shown.unusable
    shown = await show_list(await org_with(OWNER, query=""), "lead", "VPs", 7)
    assert (shown.records, "no query of the list" in shown.unusable) == (None, True)


async def test_a_rule_says_which_of_its_lists_salesforce_is_asked_about_and_why() -> None:
    by_org, here, gone = definition(1, OWNER), definition(2, TITLE), definition(3, TITLE, trouble="it was deleted")
    team = await store_with(by_org, here, gone, rules=())
    rule_set = (await team.rule_sets.load([("acme", "acme")]))["acme", "acme"]
    said = notes(rule_set, rule(by_org.list_id, here.list_id, gone.list_id), 7)
    assert len(said) == 2
    assert said[0].startswith(f"Salesforce is asked who is in list “List 1”: {WHY}")
    assert said[1] == "list “List 3” stands still, its members stay: it was deleted"


async def test_the_status_of_lists_in_use() -> None:
    by_org, here, idle = definition(1, OWNER), definition(2, TITLE), definition(3, TITLE)
    store = await store_with(
        idle,
        here,
        by_org,
        rules=(
            rule(by_org.list_id, here.list_id),
            rule(here.list_id, rule_id="lead-2"),
            rule(idle.list_id, rule_id="lead-3", active=False),
        ),
    )
    job = Job(team="acme", job_id=f"list-{here.list_id}", kind="list", state="done", updated_at_ms=1)
    await store.jobs.swap([job])
    first, second = await list_statuses(store, "acme", 7)
    assert (first.definition, first.rules, first.comparison) == (by_org, ("lead-1",), None)
    assert first.only_the_org_can_tell != ()
    assert (second.definition, second.rules) == (here, ("lead-1", "lead-2"))
    assert second.comparison == job.model_copy(update={"rev": 1})


@pytest.mark.parametrize("name", ["List 1", "list 1", "00B000000000001AAA", "00B000000000001"])
async def test_a_comparison_is_asked_for_once_and_keeps_what_the_last_one_found(name: str) -> None:
    store = await store_with(definition(1, TITLE), rules=(rule("00B000000000001AAA"),))
    job_id = await request_comparison(store, "acme", name, 7)
    (job,) = (await store.jobs.load([("acme", job_id)])).values()
    assert (job.kind, job.state, job.request and job.request.list_id) == ("list", "pending", "00B000000000001AAA")
    assert await request_comparison(store, "acme", name, 8) == job_id
    assert (await store.jobs.load([("acme", job_id)]))["acme", job_id] == job

    done = {"state": "done", "report": {"rows": 3}, "finished_at_ms": 9}
    await store.jobs.swap([job.model_copy(update=done)])
    await request_comparison(store, "acme", name, 10)
    (again,) = (await store.jobs.load([("acme", job_id)])).values()
    assert (again.state, again.report, again.finished_at_ms) == ("pending", {"rows": 3}, 9)


@pytest.mark.parametrize("name", ["List 9", "List 2"])
async def test_only_a_list_that_a_rule_uses_can_be_compared(name: str) -> None:
    store = await store_with(definition(1, TITLE), definition(2, TITLE), rules=(rule("00B000000000001AAA"),))
    with pytest.raises(Refused, match=f"no list that a rule uses is called “{name}”: List 1"):
        await request_comparison(store, "acme", name, 7)
