r"""Salesforce list views as predicates over a record's fields.

Input is `whereCondition` of a list view's describe result: leaves `{field, operator, values}` with SOQL literals as
values, groups `{conjunction, conditions}`, negations `{condition}` (REST API Developer Guide, "List View Describe",
"SoqlWhereCondition").

Semantics are SOQL's: texts compare without case; a null matches `notEquals`, `notIn`, `notLike`, `excludes`, never the
opposite and never an order; a checkbox that is null is false. A date compares with a date-time as its midnight in UTC.
"""

from __future__ import annotations

import operator as compare
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from schemas.documents import ListDefinition
from workers.core.literals import Literal, Moment, Text, UnsupportedLiteral, epoch_seconds, fold, parse_literal

Predicate: TypeAlias = Callable[[Mapping[str, object]], bool]
Test: TypeAlias = Callable[[object], bool]

DEEPEST = 100
"""Salesforce's filter logic nests a handful of groups; beyond this a description is broken or hostile."""

FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RECORD_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")

SILENT_FIELDS = frozenset({"Id", "SystemModstamp", "LastActivityDate", "LastViewedDate", "LastReferencedDate"})
"""No change event carries them (Change Data Capture Developer Guide, "Change Event Message Structure")."""

SCOPES = {
    "mine": "it shows only the records of whoever looks at it, here the connected user",
    "mine_and_my_groups": "it shows only the records of whoever looks at it and of their groups",
    "mru": "it shows what somebody viewed recently, which changes without any record being changed",
    "delegated": "it shows only records delegated by whoever looks at it",
    "my_territory": "it shows only the territory of whoever looks at it",
    "my_team_territory": "it shows only the territories of the team of whoever looks at it",
    "team": "it shows only the records of the team of whoever looks at it",
    "scopingRule": "what it shows depends on the scoping rule of whoever looks at it",
}


class UnsupportedCondition(ValueError):
    """A list that cannot be evaluated here; the message is meant for a Salesforce administrator."""


def compile_list(definition: ListDefinition) -> Predicate:
    """The list as a predicate. Raises UnsupportedCondition."""
    if definition.scope not in ("everything", ""):
        why = SCOPES.get(definition.scope, f'it is limited to the scope "{definition.scope}"')
        remedy = "Choose" if definition.scope == "mru" else "Have the list show all records in Salesforce, or choose"
        raise UnsupportedCondition(f"List “{definition.label}” cannot be imported: {why}. {remedy} another list.")
    return compile_where(definition.where, list_label=definition.label)


def compile_where(where: Mapping[str, Any], *, list_label: str) -> Predicate:
    """The condition as a closure; no condition at all matches every record. Raises UnsupportedCondition."""
    return _Compiler(list_label).condition(where, depth=0) or (lambda fields: True)


@dataclass(frozen=True, slots=True)
class _Compiler:
    list_label: str

    def condition(self, where: Mapping[str, Any], depth: int) -> Predicate | None:
        """None: an empty condition, which its group ignores."""
        if not isinstance(where, Mapping):
            raise self._unreadable(where)
        if depth > DEEPEST:
            raise UnsupportedCondition(f"List “{self.list_label}”: its filter is nested deeper than {DEEPEST} levels.")
        if not where:
            return None
        if "conditions" in where:
            return self._group(where, depth)
        if "condition" in where:
            inner = self.condition(where["condition"], depth + 1)
            return None if inner is None else _negation(inner)
        return self._leaf(where)

    def _group(self, where: Mapping[str, Any], depth: int) -> Predicate | None:
        conditions, conjunction = where["conditions"], str(where.get("conjunction", "")).lower()
        if not isinstance(conditions, Sequence) or isinstance(conditions, str):
            raise self._unreadable(where)
        parts = tuple(part for each in conditions if (part := self.condition(each, depth + 1)) is not None)
        if len(parts) < 2:
            return parts[0] if parts else None
        if conjunction not in ("and", "or"):
            raise self._unreadable(where)
        return _conjunction(parts) if conjunction == "and" else _disjunction(parts)

    def _leaf(self, where: Mapping[str, Any]) -> Predicate:
        field, operator, values = where.get("field"), where.get("operator"), where.get("values")
        if not isinstance(field, str) or not isinstance(operator, str):
            raise self._unreadable(where)
        if not isinstance(values, Sequence) or isinstance(values, str) or not all(isinstance(v, str) for v in values):
            raise self._unsupported(field, operator, "its values are not in a form that is understood")
        self._check_field(field, operator)
        build = OPERATORS.get(operator)
        if build is None:
            raise self._unsupported(field, operator, "this operator is not evaluated yet")
        try:
            test = build(_Operands(field, tuple(parse_literal(value.strip()) for value in values)))
        except (UnsupportedLiteral, _WrongOperands) as error:
            raise self._unsupported(field, operator, str(error)) from error
        return _on_name(test) if field == "Name" else _on_field(field, test)

    def _check_field(self, field: str, operator: str) -> None:
        if "." in field:
            raise self._unsupported(field, operator, "fields of related records are not followed yet")
        if field in SILENT_FIELDS:
            raise self._unsupported(field, operator, "Salesforce sends no change event about this field")
        if not FIELD.fullmatch(field):
            raise self._unsupported(field, operator, "this is not a field name")

    def _unsupported(self, field: str, operator: str, why: str) -> UnsupportedCondition:
        return UnsupportedCondition(
            f"List “{self.list_label}”: the condition on {field} ({operator}) cannot be evaluated: {why}. "
            "Change the list's filter in Salesforce, or choose another list."
        )

    def _unreadable(self, part: object) -> UnsupportedCondition:
        shown = sorted(map(str, part)) if isinstance(part, Mapping) else type(part).__name__
        return UnsupportedCondition(
            f"List “{self.list_label}”: a part of its filter is not in a form that is understood ({shown}). "
            "Simplify the list's filter in Salesforce, or choose another list."
        )


def _negation(inner: Predicate) -> Predicate:
    return lambda fields: not inner(fields)


def _conjunction(parts: tuple[Predicate, ...]) -> Predicate:
    def every(fields: Mapping[str, object]) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the conditions
            if not part(fields):
                return False
        return True

    return every


def _disjunction(parts: tuple[Predicate, ...]) -> Predicate:
    def some(fields: Mapping[str, object]) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the conditions
            if part(fields):
                return True
        return False

    return some


def _on_field(field: str, test: Test) -> Predicate:
    return lambda fields: test(fields.get(field))


def _on_name(test: Test) -> Predicate:
    """A person's Name is no field of its own: events carry its parts. An account has a Name and no LastName."""

    def predicate(fields: Mapping[str, object]) -> bool:
        if not fields.get("LastName"):
            return test(fields.get("Name"))
        parts = (fields.get(part) for part in ("FirstName", "MiddleName", "LastName", "Suffix"))
        return test(" ".join(str(part) for part in parts if part))

    return predicate


# --- operators -------------------------------------------------------------------------------------------------------


class _WrongOperands(ValueError):
    """The operator does not take these values; the message says why."""


@dataclass(frozen=True, slots=True)
class _Operands:
    field: str
    literals: tuple[Literal, ...]

    def some(self) -> tuple[Literal, ...]:
        if not self.literals:
            raise _WrongOperands("it has no value to compare with")
        return self.literals

    def one(self) -> Literal:
        if len(self.some()) > 1:
            raise _WrongOperands("it takes one value and has several")
        return self.literals[0]

    def texts(self) -> list[Text]:
        if not all(isinstance(literal, Text) for literal in self.some()):
            raise _WrongOperands("it takes texts only")
        return [literal for literal in self.literals if isinstance(literal, Text)]


def _equals(operands: _Operands) -> Test:
    """Several values mean any of them, as in the list view's own editor."""
    texts = frozenset(fold(each.plain) for each in operands.some() if isinstance(each, Text))
    others = [_equals_one(each) for each in operands.literals if not isinstance(each, Text)]
    if texts:
        others.append(_equals_id(texts, operands) if operands.field.endswith("Id") else _equals_text(texts))
    return others[0] if len(others) == 1 else _any(tuple(others))


def _equals_text(wanted: frozenset[str]) -> Test:
    if "" in wanted:  # `= ''` finds the empty ones: Salesforce stores an empty text as null
        return lambda value: value is None or (isinstance(value, str) and fold(value) in wanted)
    return lambda value: isinstance(value, str) and fold(value) in wanted


def _equals_id(texts: frozenset[str], operands: _Operands) -> Test:
    """An id of 18 characters and its first 15 are the same, and case counts in those."""
    plain = [each.plain for each in operands.literals if isinstance(each, Text)]
    if not all(RECORD_ID.fullmatch(each) for each in plain):
        return _equals_text(texts)
    wanted = frozenset(each[:15] for each in plain)
    return lambda value: isinstance(value, str) and value[:15] in wanted


def _equals_one(literal: Literal) -> Test:
    if literal is None:  # a checkbox is never null: its null is false
        return lambda value: value is None or value == "" or value is False
    if literal is True:
        return lambda value: value is True
    if literal is False:
        return lambda value: value is not True
    if isinstance(literal, Moment):
        return _on_moment(compare.eq, literal)
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value == literal


def _order(relation: Callable[[Any, Any], bool]) -> Callable[[_Operands], Test]:
    def build(operands: _Operands) -> Test:
        literal = operands.one()
        if literal is None or isinstance(literal, bool):
            raise _WrongOperands("there is no order among true, false and null")
        if isinstance(literal, Text):
            bound = fold(literal.plain)
            return lambda value: isinstance(value, str) and value != "" and relation(fold(value), bound)
        if isinstance(literal, Moment):
            return _on_moment(relation, literal)
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and relation(value, literal)

    return build


def _on_moment(relation: Callable[[Any, Any], bool], moment: Moment) -> Test:
    bound = moment.epoch_seconds

    def test(value: object) -> bool:
        seconds = epoch_seconds(value) if isinstance(value, str) else None
        return seconds is not None and relation(seconds, bound)

    return test


def _like(operands: _Operands) -> Test:
    matchers = tuple(_like_pattern(text).fullmatch for text in operands.texts())
    tests = tuple(_like_one(matcher) for matcher in matchers)
    return tests[0] if len(tests) == 1 else _any(tests)


def _like_one(match: Callable[[str], re.Match[str] | None]) -> Test:
    return lambda value: isinstance(value, str) and value != "" and match(fold(value)) is not None


def _like_pattern(text: Text) -> re.Pattern[str]:
    """`%` any run, `_` any one character.

    What stands between two `%` is taken where it first occurs (atomic groups): that loses no match, and keeps a
    hostile pattern on a long text from backtracking without end.
    """
    pieces = [""]
    for character, escaped in text.characters:
        if character == "%" and not escaped:
            pieces.append("")
        else:
            pieces[-1] += "." if character == "_" and not escaped else re.escape(fold(character))
    head, *rest = pieces
    if not rest:
        return re.compile(head, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    return re.compile(f"{head}{middle}.*{rest[-1]}", re.DOTALL)


def _includes(operands: _Operands) -> Test:
    """Multi-select picklists: `('A;B','C')` is (A and B) or C."""
    choices = [frozenset(fold(text.plain).split(";")) for text in operands.texts()]

    def test(value: object) -> bool:
        selected = frozenset(fold(value).split(";")) if isinstance(value, str) else frozenset()
        return any(choice <= selected for choice in choices)

    return test


def _not(build: Callable[[_Operands], Test]) -> Callable[[_Operands], Test]:
    def build_opposite(operands: _Operands) -> Test:
        test = build(operands)
        return lambda value: not test(value)

    return build_opposite


def _any(tests: Iterable[Test]) -> Test:
    alternatives = tuple(tests)
    return lambda value: any(test(value) for test in alternatives)


OPERATORS: Mapping[str, Callable[[_Operands], Test]] = {
    "equals": _equals,
    "notEquals": _not(_equals),
    "in": _equals,
    "notIn": _not(_equals),
    "lessThan": _order(compare.lt),
    "lessThanOrEqualTo": _order(compare.le),
    "greaterThan": _order(compare.gt),
    "greaterThanOrEqualTo": _order(compare.ge),
    "greaterThenOrEqualTo": _order(compare.ge),  # so printed in Salesforce's documentation
    "like": _like,
    "notLike": _not(_like),
    "includes": _includes,
    "excludes": _not(_includes),
}
