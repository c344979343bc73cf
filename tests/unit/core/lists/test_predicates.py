from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import ListDefinition
from workers.core.lists.days import Calendar
from workers.core.lists.operators import OPERATORS, Reading
from workers.core.lists.predicates import (
    DEEPEST,
    TOO_DEEP,
    Habits,
    Predicate,
    UnsupportedCondition,
    compile_list,
    compile_where,
)

READING = Reading(date(2024, 5, 15), Calendar())  # a Wednesday


def leaf(operator: str, *values: str, field: str = "F") -> dict[str, Any]:
    return {"field": field, "operator": operator, "values": list(values)}


def holds(where: Mapping[str, Any], **fields: object) -> bool:
    return evaluated(where)(fields)


def evaluated(where: Mapping[str, Any]) -> Predicate:
    compiled = compile_where(where, READING)
    assert compiled.predicate is not None, compiled.reasons
    return compiled.predicate


@pytest.mark.parametrize(
    ("operator", "values", "inside", "outside"),
    [
        # texts: without case
        ("equals", ["'Oslo'"], ["Oslo", "OSLO"], ["Oslo ", "Bergen", None, "", 5, True]),
        ("notEquals", ["'Oslo'"], ["Bergen", None, ""], ["Oslo", "oslo"]),
        ("equals", ["'A'", "'B'"], ["a", "b"], ["c", None]),
        ("notEquals", ["'A'", "'B'"], ["c", None], ["a", "b"]),
        ("in", ["'A'", "'B'"], ["a", "b"], ["c", None]),
        ("notIn", ["'A'", "'B'"], ["c", None], ["a", "b"]),
        ("lessThan", ["'m'"], ["A", "l"], ["M", "n", None, ""]),
        ("lessThanOrEqualTo", ["'m'"], ["A", "M"], ["n", None]),
        ("greaterThan", ["'m'"], ["N", "z"], ["M", "a", None]),
        ("greaterThanOrEqualTo", ["'m'"], ["M", "z"], ["a", None]),
        ("equals", [r"'O\'Neill'"], ["o'neill"], ["ONeill"]),
        ("equals", ["'STRA\u00dfE'"], ["stra\u00dfe"], ["strasse"]),
        # numbers, whole or not
        ("equals", ["5"], [5, 5.0], [5.1, "5", None, True]),
        ("equals", ["1"], [1, 1.0], [True]),
        ("notEquals", ["5"], [4, None], [5, 5.0]),
        ("lessThan", ["5"], [4.9, -1], [5, 6, None, "4", False]),
        ("lessThanOrEqualTo", ["5"], [5.0], [5.1, None]),
        ("greaterThan", ["5.5"], [6], [5.5, 5, None]),
        ("greaterThanOrEqualTo", ["5"], [5.0], [4, None]),
        ("greaterThenOrEqualTo", ["5"], [5, 6], [4, None]),
        ("in", ["1", "2.5"], [1.0, 2.5], [2, None]),
        # checkboxes: null is false
        ("equals", ["true"], [True], [False, None, "true", 1]),
        ("equals", ["false"], [False, None], [True]),
        ("notEquals", ["true"], [False, None], [True]),
        ("notEquals", ["false"], [True], [False, None]),
        # null
        ("equals", ["null"], [None, "", False], ["x", 0, True]),
        ("notEquals", ["null"], ["x", 0, True], [None, ""]),
        ("equals", ["''"], [None, ""], ["x"]),
        ("notEquals", ["''"], ["x"], [None, ""]),
        ("in", ["'A'", "null"], ["a", None], ["b"]),
        ("notIn", ["'A'", "null"], ["b"], ["a", None]),
        # dates and date-times, by the moment that they mean
        ("equals", ["2024-05-01"], ["2024-05-01", "2024-05-01T00:00:00.000Z"], ["2024-05-02", None, "soon", 5]),
        ("notEquals", ["2024-05-01"], ["2024-05-02", None], ["2024-05-01"]),
        ("lessThan", ["2024-05-01"], ["2024-04-30", "2024-04-30T23:59:59Z"], ["2024-05-01", None]),
        (
            "greaterThanOrEqualTo",
            ["2024-05-01T12:00:00.000Z"],
            ["2024-05-01T12:00:00Z", "2024-05-01T12:00:00.000+0000", "2024-05-02"],
            ["2024-05-01T11:59:59.999Z", "2024-05-01", None],
        ),
        ("greaterThan", ["2024-05-01T14:00:00+02:00"], ["2024-05-01T12:00:01Z"], ["2024-05-01T12:00:00Z"]),
        # like
        ("like", ["'VP%'"], ["VP", "vp sales"], ["SVP", None, ""]),
        ("like", ["'%sales'"], ["VP Sales"], ["Sales VP"]),
        ("like", ["'%a%'", "'%b%'"], ["xa", "bx"], ["c", None]),
        ("like", ["'a_c'"], ["abc", "A\u00dfC"], ["ac", "abbc"]),
        ("like", [r"'50\%'"], ["50%"], ["500", "50"]),
        ("like", [r"'a\_c'"], ["a_c"], ["abc"]),
        ("like", [r"'a\\%'"], ["a\\b"], ["ab", "a%"]),
        ("like", ["'a.c'"], ["a.c"], ["abc"]),
        ("like", ["'%'"], ["x", "a\nb"], [None, ""]),
        ("like", ["'%ab%ba%'"], ["abba", "xabyba"], ["aba"]),
        ("notLike", ["'%a%'"], ["x", None], ["xa"]),
        ("notLike", ["'%a%'", "'%b%'"], ["x", None], ["xa", "b"]),
        # multi-select picklists
        ("includes", ["'A;B'", "'C'"], ["B;x;a", "c", "C;D"], ["A", "B", None, ""]),
        ("excludes", ["'A;B'", "'C'"], ["A", None], ["A;B", "C"]),
    ],
)
def test_operators(operator: str, values: list[str], inside: list[object], outside: list[object]) -> None:
    predicate = evaluated(leaf(operator, *values))
    assert [value for value in inside if not predicate({"F": value})] == []
    assert [value for value in outside if predicate({"F": value})] == []


def test_a_field_that_is_absent_is_null() -> None:
    assert holds(leaf("equals", "null"))
    assert holds(leaf("notEquals", "'x'"))
    assert not holds(leaf("equals", "'x'"))


@pytest.mark.parametrize("given", ["005000000000001", "005000000000001AAA"])
@pytest.mark.parametrize("stored", ["005000000000001", "005000000000001AAA"])
def test_ids_of_15_and_18_characters_are_the_same(given: str, stored: str) -> None:
    assert holds(leaf("equals", f"'{given}'", field="OwnerId"), OwnerId=stored)


def test_case_counts_in_the_15_characters_of_an_id() -> None:
    assert not holds(leaf("equals", "'00500000000000a'", field="OwnerId"), OwnerId="00500000000000AAAA")


def test_a_person_s_name_is_put_together_from_its_parts() -> None:
    where = leaf("like", "'Ann %Lee Jr.'", field="Name")
    assert holds(where, FirstName="Ann", MiddleName="B.", LastName="Lee", Suffix="Jr.", Name="stale")
    assert holds(leaf("equals", "'Lee'", field="Name"), LastName="Lee")
    assert holds(leaf("equals", "'Acme'", field="Name"), Name="Acme")


# --- groups ----------------------------------------------------------------------------------------------------------

YES, NO = leaf("equals", "null", field="Absent"), leaf("notEquals", "null", field="Absent")


def group(conjunction: str, *conditions: Mapping[str, Any]) -> dict[str, Any]:
    return {"conjunction": conjunction, "conditions": list(conditions)}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, True),
        (group("and"), True),
        (group("or"), True),
        (group("and", YES, YES), True),
        (group("and", YES, NO), False),
        (group("or", NO, YES), True),
        (group("OR", NO, NO), False),
        (group("or", NO, group("and")), False),  # an empty group is dropped, not true
        (group("or", NO, group("and", YES, group("or", NO, YES))), True),
        ({"conditions": [NO]}, False),
        ({"condition": NO}, True),
        ({"condition": group("and", YES, NO)}, True),
        ({"condition": {"condition": NO}}, False),
        (group("and", YES, {"condition": group("or")}), True),
    ],
)
def test_groups(where: Mapping[str, Any], expected: bool) -> None:
    assert holds(where) is expected


def nested(depth: int) -> dict[str, Any]:
    return functools.reduce(lambda inner, _: group("and", inner, YES), range(depth), YES)


def test_deep_nesting_works_up_to_a_bound() -> None:
    assert holds(nested(DEEPEST))
    assert compile_where(nested(10_000), READING).reasons == (TOO_DEEP,)
    with pytest.raises(
        UnsupportedCondition, match=r"List “.*” cannot be imported: its filter is nested deeper than 80"
    ):
        compile_list(definition("everything").model_copy(update={"where": nested(DEEPEST + 1)}), READING)


# --- what only the org can tell --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (leaf("equals", "THIS_FORTNIGHT"), "THIS_FORTNIGHT, a relative date that SOQL does not know"),
        (leaf("equals", "'x'", field="Owner.Name"), "only the account of a contact"),
        (leaf("equals", "'x'", field="Account.Owner.Name"), "not a field"),
        (leaf("greaterThan", "2024-05-01", field="SystemModstamp"), "no change event"),
        (leaf("equals", "'x'", field="toLabel(Type)"), "not a field"),
        (leaf("within", "DISTANCE"), "operator"),
        (leaf("lessThan", "null"), "no order"),
        (leaf("lessThan", "true"), "no order"),
        (leaf("lessThan", "1", "2"), "one value"),
        (leaf("equals"), "no value"),
        (leaf("like", "5"), "texts only"),
        (leaf("equals", r"'50\%'"), "only `like` knows"),
        (leaf("equals", "'open"), "quotes"),
        ({"field": "F", "operator": "equals", "values": "'x'"}, "form"),
        ({"field": "F", "operator": "equals", "values": [5]}, "form"),
        ({"field": "F", "operator": "equals"}, "form"),
    ],
)
def test_a_condition_that_the_org_must_evaluate_is_named(where: Mapping[str, Any], says: str) -> None:
    compiled = compile_where(group("and", YES, where), READING)
    assert compiled.predicate is None
    (reason,) = compiled.reasons
    for part in (where["field"], where["operator"], says):
        assert part in reason


def test_every_such_condition_is_named_once() -> None:
    owner = leaf("equals", "'x'", field="Owner.Name")
    compiled = compile_where(group("or", owner, owner, leaf("equals", "'x'", field="LastActivityDate")), READING)
    assert [reason.split(" ")[3] for reason in compiled.reasons] == ["Owner.Name", "LastActivityDate"]


@pytest.mark.parametrize(
    "where",
    [
        {"field": "F", "operator": None, "values": []},
        {"operator": "equals", "values": ["1"]},
        {"subQuery": "SELECT Id FROM Contact"},
        {"conditions": "x"},
        {"conditions": [5]},
        {"condition": None},
        {"conjunction": "xor", "conditions": [YES, YES]},
        {"conditions": [YES, YES]},
    ],
)
def test_a_filter_in_an_unknown_form_is_left_to_the_org(where: Mapping[str, Any]) -> None:
    compiled = compile_where(where, READING)
    assert compiled.predicate is None
    assert "not in a form" in compiled.reasons[0]


def definition(scope: str) -> ListDefinition:
    where = leaf("equals", "'x'")
    return ListDefinition(list_id="1", entity="contact", label="Hot", scope=scope, where=where, fetched_at_ms=0)


def test_a_list_of_all_records_is_its_condition() -> None:
    predicate = compile_list(definition("everything"), READING).predicate
    assert predicate is not None
    assert (predicate({"F": "x"}), predicate({"F": "y"})) == (True, False)


def test_a_list_of_one_s_own_records_is_that_of_the_connected_user() -> None:
    mine = definition("mine").model_copy(update={"user_id": "005000000000001AAA"})
    compiled = compile_list(mine, READING)
    assert compiled.predicate is not None
    assert compiled.tested == {"F", "OwnerId"}
    assert compiled.predicate({"F": "x", "OwnerId": "005000000000001AAA"})
    assert not compiled.predicate({"F": "x", "OwnerId": "005000000000002AAA"})
    assert not compiled.predicate({"F": "y", "OwnerId": "005000000000001AAA"})


@pytest.mark.parametrize(
    ("scope", "says"), [("mine", "mine"), ("team", "team"), ("my_territory", "territory"), ("new", "“new”")]
)
def test_a_scope_that_only_the_org_knows_is_left_to_it(scope: str, says: str) -> None:
    compiled = compile_list(definition(scope), READING)
    assert compiled.predicate is None
    assert says in compiled.reasons[0]


def test_what_somebody_viewed_recently_can_be_no_rule() -> None:
    with pytest.raises(UnsupportedCondition, match="“Hot” cannot be imported: it shows what somebody viewed recently"):
        compile_list(definition("mru"), READING)


# --- dates that move -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "literal", "inside", "outside"),
    [
        ("equals", "TODAY", ["2024-05-15", "2024-05-15T23:00:00Z"], ["2024-05-14", "2024-05-16", None, "soon", 5]),
        ("notEquals", "TODAY", ["2024-05-14", None], ["2024-05-15"]),
        ("lessThan", "THIS_WEEK", ["2024-05-11"], ["2024-05-12", "2024-05-18", "2024-05-19", None]),
        ("lessThanOrEqualTo", "THIS_WEEK", ["2024-05-11", "2024-05-18"], ["2024-05-19"]),
        ("greaterThan", "THIS_WEEK", ["2024-05-19"], ["2024-05-18", "2024-05-12", None]),
        ("greaterThanOrEqualTo", "THIS_WEEK", ["2024-05-12", "2024-05-19"], ["2024-05-11"]),
        ("equals", "last_n_days:2", ["2024-05-13", "2024-05-15"], ["2024-05-12", "2024-05-16"]),
    ],
)
def test_relative_dates(operator: str, literal: str, inside: list[object], outside: list[object]) -> None:
    predicate = evaluated(leaf(operator, literal))
    assert [value for value in inside if not predicate({"F": value})] == []
    assert [value for value in outside if predicate({"F": value})] == []


def test_days_begin_where_the_org_is() -> None:
    reading = Reading(date(2024, 5, 15), Calendar(time_zone="America/Los_Angeles"))
    predicate = compile_where(leaf("equals", "TODAY"), reading).predicate
    assert predicate is not None
    assert predicate({"F": "2024-05-16T06:59:59Z"})
    assert not predicate({"F": "2024-05-16T07:00:00Z"})
    assert predicate({"F": "2024-05-15"})


def test_the_fields_that_move_are_told() -> None:
    compiled = compile_where(group("or", leaf("equals", "TODAY"), YES), READING)
    assert [name for name, _ in compiled.relative] == ["F"]


# --- parents and currencies ------------------------------------------------------------------------------------------


def test_the_account_of_a_contact_is_read_under_its_path() -> None:
    compiled = compile_where(leaf("equals", "'Retail'", field="Account.Industry"), READING)
    assert compiled.predicate is not None
    assert compiled.predicate({"Account.Industry": "retail"})
    assert not compiled.predicate({"Industry": "retail"})
    assert compiled.tested == {"Account.Industry"}


def test_an_amount_is_its_number_where_there_is_one_currency() -> None:
    assert holds(leaf("greaterThan", "USD100"), F=101)
    assert not holds(leaf("greaterThan", "USD100"), F=100)
    assert holds(leaf("equals", "USD100"), F=100.0)


def test_amounts_in_several_currencies_are_converted_by_the_org() -> None:
    compiled = compile_where(leaf("greaterThan", "USD100"), READING, Habits(several_currencies=True))
    assert compiled.predicate is None
    assert "several currencies" in compiled.reasons[0]


def test_a_number_without_a_currency_is_converted_too() -> None:
    habits = Habits(several_currencies=True, currencies=("F",))
    assert compile_where(leaf("greaterThan", "100"), READING, habits).predicate is None
    assert compile_where(leaf("equals", "null"), READING, habits).predicate is not None
    assert compile_where(leaf("greaterThan", "100"), READING, Habits(several_currencies=True)).predicate is not None


@pytest.mark.parametrize("operator", ["like", "notLike"])
def test_the_org_looks_for_patterns_in_labels_that_differ_from_values(operator: str) -> None:
    habits = Habits(labelled=("F",))
    compiled = compile_where(leaf(operator, "'%tech%'"), READING, habits)
    assert (compiled.predicate, "labels" in compiled.reasons[0]) == (None, True)
    assert compile_where(leaf("equals", "'TECH'"), READING, habits).predicate is not None
    assert compile_where(leaf(operator, "'%tech%'"), READING, Habits(labelled=("G",))).predicate is not None


def test_what_salesforce_computes_the_org_is_asked_about() -> None:
    """No event tells of it: here it would be what it was when the record was last read."""
    compiled = compile_where(leaf("equals", "'A'"), READING, Habits(calculated=("F",)))
    assert (compiled.predicate, "a formula" in compiled.reasons[0]) == (None, True)
    assert compile_where(leaf("equals", "'A'"), READING, Habits(calculated=("G",))).predicate is not None


# --- laws ------------------------------------------------------------------------------------------------------------

SMALL = st.sampled_from(["a", "A", "b", "ab", "Ab%", "a_b", "\u00e4", "\u00c4", "a'b", "\\"])


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@st.composite
def typed_leaves(draw: st.DrawFn) -> tuple[dict[str, Any], str, list[object]]:
    """A leaf with its operator and its values as Python sees them; the field's name tells its type."""
    operator = draw(st.sampled_from(sorted(set(OPERATORS) - {"like", "notLike", "includes", "excludes"})))
    ordered = "Than" in operator or "Then" in operator
    kind = draw(st.sampled_from(["text", "number", "date"] if ordered else ["text", "number", "date", "flag"]))
    wanted: list[object] = draw(st.lists(VALUES[kind], min_size=1, max_size=1 if ordered else 3))
    nullable = not ordered and kind != "flag" and draw(st.booleans())
    operands = [*wanted, None] if nullable else wanted
    written = [literal(kind, value) for value in operands]
    return leaf(operator, *written, field=kind), operator, operands


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": SMALL,
    "number": st.integers(-2, 2) | st.sampled_from([0.5, 1.0]),
    "date": st.dates(min_value=date(2024, 1, 1), max_value=date(2024, 1, 4)).map(str),
    "flag": st.booleans(),
}
RECORDS = st.fixed_dictionaries({kind: st.none() | values for kind, values in VALUES.items()})


def literal(kind: str, value: object) -> str:
    if value is None:
        return "null"
    return quoted(str(value)) if kind == "text" else str(value).lower()


def naive(operator: str, operands: list[Any], value: Any, kind: str) -> bool:
    """The same semantics, spelled out the slow way and without looking at the types of literals."""
    if kind == "flag":
        value = bool(value)
    if kind == "text":
        operands = [None if each is None else each.lower() for each in operands]
        value = None if value is None else value.lower()
    if operator in ("equals", "in"):
        return value in operands
    if operator in ("notEquals", "notIn"):
        return value not in operands
    if value is None:
        return False
    bound = operands[0]
    return bool(
        {
            "lessThan": value < bound,
            "lessThanOrEqualTo": value <= bound,
            "greaterThan": value > bound,
            "greaterThanOrEqualTo": value >= bound,
            "greaterThenOrEqualTo": value >= bound,
        }[operator]
    )


@given(typed_leaves(), RECORDS)
def test_a_leaf_agrees_with_a_naive_evaluator(
    typed: tuple[dict[str, Any], str, list[object]], record: dict[str, Any]
) -> None:
    where, operator, operands = typed
    kind = where["field"]
    assert holds(where, **record) is naive(operator, operands, record[kind], kind)


TREES = st.recursive(
    st.booleans(),
    lambda inner: (
        st.tuples(st.just("not"), inner)
        | st.tuples(st.just("and"), st.lists(inner, min_size=1, max_size=3))
        | st.tuples(st.just("or"), st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=12,
)


def as_where(tree: Any) -> dict[str, Any]:
    if isinstance(tree, bool):
        return YES if tree else NO
    word, inner = tree
    return {"condition": as_where(inner)} if word == "not" else group(word, *map(as_where, inner))


def truth(tree: Any) -> bool:
    if isinstance(tree, bool):
        return tree
    word, inner = tree
    if word == "not":
        return not truth(inner)
    return all(map(truth, inner)) if word == "and" else any(map(truth, inner))


@given(TREES)
def test_groups_agree_with_boolean_logic(tree: Any) -> None:
    assert holds(as_where(tree)) is truth(tree)


def glob(pattern: str, text: str) -> bool:
    """LIKE by recursion on both texts: slow, and without regular expressions."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return glob(pattern[1:], text) or bool(text and glob(pattern, text[1:]))
    return bool(text) and pattern[0] in ("_", text[0]) and glob(pattern[1:], text[1:])


@given(st.text(alphabet="ab%_.", max_size=8), st.text(alphabet="abAB.%_\n", min_size=1, max_size=8))
def test_like_agrees_with_a_naive_matcher(pattern: str, text: str) -> None:
    assert holds(leaf("like", f"'{pattern}'"), F=text) is glob(pattern, text.lower())
    assert holds(leaf("notLike", f"'{pattern}'"), F=text) is not glob(pattern, text.lower())


def test_a_hostile_pattern_does_not_backtrack() -> None:
    """Plain `.*` between the letters would take longer than the universe lasts; the suite's time limit would tell."""
    assert not holds(leaf("like", f"'{'%a' * 20}%b'"), F="a" * 20_000)
