from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.lists.days import Calendar
from workers.core.lists.gates import GateKeeper, gate_of
from workers.core.lists.operators import Reading
from workers.core.lists.predicates import compile_where

READING = Reading(date(2026, 11, 23), Calendar())
TEXTS = ["VP", "vp", "Straße", "", "ŐŰ", "0051", "005A0000000000b", "005A0000000000bAAA", "005a0000000000baaa"]
FIELDS = ["Title", "OwnerId", "Name", "LastName", "Account.Industry"]


def leaf(field: str, operator: str, *values: str) -> dict[str, Any]:
    return {"field": field, "operator": operator, "values": list(values)}


def both(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"conjunction": "and", "conditions": list(conditions)}


def either(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"conjunction": "or", "conditions": list(conditions)}


TITLE, OWNER = leaf("Title", "equals", "'VP'", "'Head'"), leaf("OwnerId", "equals", "'005A0000000000bAAA'")
LIKE = leaf("Title", "like", "'V%'")


@pytest.mark.parametrize(
    ("where", "gate"),
    [
        (TITLE, {("Title", "vp"), ("Title", "head")}),
        (OWNER, {("OwnerId", "005A0000000000b")}),
        (both(TITLE, OWNER, LIKE), {("OwnerId", "005A0000000000b")}),
        (either(TITLE, OWNER), {("Title", "vp"), ("Title", "head"), ("OwnerId", "005A0000000000b")}),
        (either(TITLE, LIKE), None),
        (either(TITLE, {}, both()), {("Title", "vp"), ("Title", "head")}),
        (both(), None),
        ({}, None),
        ({"condition": TITLE}, None),
        (leaf("Title", "notEquals", "'VP'"), None),
        (leaf("Title", "in", "'VP'", "null"), None),
        (leaf("Title", "equals", "''"), None),
        (leaf("Name", "equals", "'Ann Lee'"), None),
        (leaf("Age__c", "equals", "5"), None),
    ],
)
def test_the_gate_of_a_condition(where: dict[str, Any], gate: set[tuple[str, str]] | None) -> None:
    assert gate_of(where) == gate


conditions = st.recursive(
    st.builds(
        lambda field, operator, values: leaf(field, operator, *values),
        st.sampled_from(FIELDS),
        st.sampled_from(["equals", "in", "notEquals", "like"]),
        st.lists(st.sampled_from([f"'{text}'" for text in TEXTS]), min_size=1, max_size=3),
    )
    | st.just({}),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: both(*parts)),
        st.lists(inner, max_size=3).map(lambda parts: either(*parts)),
        inner.map(lambda negated: {"condition": negated}),
    ),
    max_leaves=6,
)
records = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from([*TEXTS, None, 5]))


@given(st.lists(conditions, max_size=6), records)
def test_whoever_is_in_a_list_opens_its_gate(wheres: list[dict[str, Any]], fields: dict[str, object]) -> None:
    compiled = [compile_where(where, READING) for where in wheres]
    opened = GateKeeper(each.gate for each in compiled).opened(fields)
    assert opened == sorted(opened)
    holding = [number for number, each in enumerate(compiled) if each.predicate and each.predicate(fields)]
    assert set(holding) <= set(opened)


@pytest.mark.parametrize(
    ("fields", "opened"),
    [
        ({}, [0]),
        ({"Title": "vP"}, [0, 1]),
        ({"Title": "Sales"}, [0]),
        ({"Title": 5}, [0]),
        ({"OwnerId": "005A0000000000bAAA", "Title": "head"}, [0, 1, 2]),
        ({"OwnerId": "005A0000000000b"}, [0, 2]),
        ({"OwnerId": "005a0000000000BAAA"}, [0]),
    ],
)
def test_what_a_record_opens(fields: dict[str, object], opened: list[int]) -> None:
    assert GateKeeper(gate_of(where) for where in (LIKE, TITLE, OWNER)).opened(fields) == opened
