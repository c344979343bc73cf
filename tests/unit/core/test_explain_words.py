"""How a condition reads to a person."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from workers.cli.explain import shown, told
from workers.core.explain import Condition, ListVerdict, RuleVerdict, explain_where
from workers.core.lists.days import Calendar
from workers.core.lists.operators import Reading
from workers.core.lists.predicates import Habits

READING = Reading(date(2026, 11, 23), Calendar())


def leaf(field: str, operator: str, *values: str) -> dict[str, Any]:
    return {"field": field, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (leaf("Email", "notEquals", "null"), "Email is not empty"),
        (leaf("Country__c", "in", "'France'", "'Spain'"), "Country__c is one of 'France', 'Spain'"),
        (leaf("Size__c", "greaterThanOrEqualTo", "10"), "Size__c >= 10"),
        (leaf("Title", "like", "'%VP%'"), "Title like '%VP%'"),
    ],
)
def test_operators_are_told_in_words(where: dict[str, Any], text: str) -> None:
    assert explain_where(where, {}, READING).text == text


def test_the_name_of_a_person_is_told_as_it_was_compared() -> None:
    found = explain_where(leaf("Name", "like", "'Ada%'"), {"FirstName": "Ada", "LastName": "King"}, READING)
    assert (found.holds, found.value) == (True, "Ada King")


def test_an_amount_of_several_currencies_has_no_verdict_here() -> None:
    where = leaf("AnnualRevenue", "greaterThan", "USD1000")
    assert explain_where(where, {"AnnualRevenue": 5000.0}, READING, Habits(several_currencies=True)).holds is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "empty"), ("", "empty"), (6.0, "6"), (0.5, "0.5"), (8202000.0, "8202000"), (True, "true"), ("a", "'a'")],
)
def test_values_are_told_as_filters_write_them(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("active", "rule_holds", "list_holds", "text"),
    [
        (True, True, True, "+ rule lead-1 -> people only"),
        (True, False, False, "- rule lead-1 -> people only"),
        (True, True, False, "+ rule lead-1 -> people only, keeps whom it once held"),
        (False, True, True, "+ rule lead-1 -> people only, not active, keeps whom it once held"),
        (False, False, True, "- rule lead-1 -> people only, not active"),
    ],
)
def test_a_rule_tells_why_it_holds_whom_its_lists_do_not(
    active: bool, rule_holds: bool, list_holds: bool, text: str
) -> None:
    verdict = ListVerdict("00B", "Hot", list_holds, Condition("everything", True))
    assert told(RuleVerdict("lead-1", active, None, rule_holds, (verdict,)), "people") == text
