"""Verdicts, condition by condition."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from schemas.documents import Destination, ListDefinition, Reason, Record, Rule, RuleSet
from schemas.events import Version
from workers.core.evaluation import Related, compile_rule_set
from workers.core.explain import Condition, RuleVerdict, explain_rules, explain_where
from workers.core.lists.days import Calendar
from workers.core.lists.operators import Reading

READING = Reading(date(2024, 5, 15), Calendar())
VP = {"field": "Title", "operator": "like", "values": ["'VP%'"]}
OSLO = {"field": "City", "operator": "equals", "values": ["'Oslo'", "'Bergen'"]}
OWNER = {"field": "Owner.Name", "operator": "equals", "values": ["'Ann'"]}
FIELDS = {"Title": "VP Sales", "City": "Rome"}


def test_each_condition_tells_what_it_asks_and_what_the_record_has() -> None:
    where = {"conjunction": "or", "conditions": [VP, {"condition": OSLO}]}
    assert explain_where(where, FIELDS, READING) == Condition(
        "or",
        True,
        parts=(
            Condition("Title like 'VP%'", True, "VP Sales"),
            Condition("not", True, parts=(Condition("City is 'Oslo', 'Bergen'", False, "Rome"),)),
        ),
    )


@pytest.mark.parametrize("where", [{}, {"conditions": [], "conjunction": "and"}])
def test_a_list_without_conditions_holds_everything(where: dict[str, object]) -> None:
    assert explain_where(where, FIELDS, READING) == Condition("everything", True)


def test_a_condition_that_only_the_org_knows_has_no_verdict_and_the_others_have() -> None:
    told = explain_where({"conjunction": "and", "conditions": [VP, OWNER]}, FIELDS, READING)
    assert told.holds is None
    assert [part.holds for part in told.parts] == [True, None]


def rules(*given: Rule, where: Mapping[str, Any]) -> RuleSet:
    definition = ListDefinition(
        list_id="00B1", entity="contact", label="Hot", scope="everything", where=where, fetched_at_ms=1
    )
    return RuleSet(team="acme", rules=given, lists={"00B1": definition})


def rule(rule_id: str = "contact-1", **given: object) -> Rule:
    settings = {
        "rule_id": rule_id,
        "entity": "contact",
        "list_ids": ("00B1",),
        "destination": Destination(kind="segment", segment_id="hot"),
        "created_at_ms": 1,
        **given,
    }
    return Rule.model_validate(settings)


def verdicts(rule_set: RuleSet, **given: object) -> tuple[RuleVerdict, ...]:
    record = Record.model_validate(
        {
            "team": "acme",
            "record_id": "003000000000001AAA",
            "entity": "contact",
            "alive": True,
            "fields": FIELDS,
            "full_version": Version(1, 1, 1),
            **given,
        }
    )
    return explain_rules(record, Related(), rule_set, compile_rule_set(rule_set, 0))


def test_a_rule_holds_when_one_of_its_lists_does() -> None:
    (verdict,) = verdicts(rules(rule(), where=VP))
    assert (verdict.holds, verdict.segment_id, verdict.lists[0].holds) == (True, "hot", True)


def test_a_rule_that_keeps_holds_although_its_list_does_not() -> None:
    held = (Reason(rule_id="contact-1", list_id="00B1"),)
    (verdict,) = verdicts(rules(rule(on_leave="keep"), where=OSLO), held=held)
    assert (verdict.holds, verdict.lists[0].holds) == (True, False)


def test_rules_that_are_not_active_are_told_and_those_of_other_entities_are_not() -> None:
    found = verdicts(rules(rule(active=False), rule("lead-1", entity="lead", list_ids=()), where=VP))
    assert [(each.rule_id, each.active, each.holds) for each in found] == [("contact-1", False, False)]


def test_what_the_org_answered_is_the_verdict_of_a_list_that_only_it_can_read() -> None:
    (verdict,) = verdicts(rules(rule(), where=OWNER), answers={"00B1": True})
    assert (verdict.holds, verdict.lists[0].holds) == (True, True)
    assert "only the account of a contact" in verdict.lists[0].only_the_org_can_tell[0]
