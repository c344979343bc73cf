"""Conditions to closures over rows.

A negation is pushed down to the comparisons below it. Null never matches =, <, > or LIKE; whether it matches their
negations (!=, NOT IN, NOT (...), EXCLUDES) is a setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sandbox.org.metadata.objects import TEXT_TYPES, FieldType
from sandbox.org.soql.language.errors import SoqlError, at_position, malformed
from sandbox.org.soql.language.syntax import Comparison, Condition, Expression, Group, Join, Negation
from sandbox.org.soql.schema import Column, Row
from sandbox.org.soql.values.literals import Clock, Key, KeyRange, key_of, key_range, like_pattern, unescape

Predicate = Callable[[Row], bool]
KeyTest = Callable[[Key | None], bool]
_NEGATIVE = {"!=": "=", "not in": "in", "excludes": "includes"}


class Scope(Protocol):
    """What conditions are compiled against: rows of an object, or groups of them."""

    @property
    def text(self) -> str: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def null_matches_negation(self) -> bool: ...
    def operand(self, expression: Expression) -> Column: ...
    def join_test(self, join: Join) -> KeyTest:
        """Whether a key is among those of the sub-select."""
        ...


def everything(_row: Row) -> bool:
    """What no condition is compiled to; it need not be called."""
    return True


def compile_condition(condition: Condition | None, scope: Scope, *, negated: bool = False) -> Predicate:
    """A predicate over the rows of the scope.

    Raises:
        SoqlError: INVALID_FIELD, INVALID_QUERY_FILTER_OPERATOR or MALFORMED_QUERY.
    """
    if condition is None:
        return everything
    if isinstance(condition, Negation):
        return compile_condition(condition.condition, scope, negated=not negated)
    if isinstance(condition, Group):
        parts = [compile_condition(one, scope, negated=negated) for one in condition.conditions]
        return _every(parts) if (condition.conjunction == "and") is not negated else _any(parts)
    column = scope.operand(condition.operand)
    _check_filterable(column.field, condition.operand.offset, scope.text)
    if isinstance(condition, Join):
        test, flip = scope.join_test(condition), condition.anti is not negated
    else:
        test = _Leaf(condition, column.field, scope.text, scope.clock).test()
        flip = (condition.operator in _NEGATIVE) is not negated
    key, read = key_of(column.field), column.read
    final = _negation(test, null_matches=scope.null_matches_negation) if flip else test
    return lambda row: final(key(read(row)))


def _every(predicates: list[Predicate]) -> Predicate:
    return lambda row: all(predicate(row) for predicate in predicates)


def _any(predicates: list[Predicate]) -> Predicate:
    return lambda row: any(predicate(row) for predicate in predicates)


def _negation(test: KeyTest, *, null_matches: bool) -> KeyTest:
    if null_matches:
        return lambda key: not test(key)
    return lambda key: key is not None and not test(key)


def _check_filterable(field: FieldType, offset: int, text: str) -> None:
    if not field.filterable or field.type == "address":
        detail = f"field '{field.name}' can not be filtered in a query call"
        raise SoqlError("INVALID_FIELD", at_position(text, offset, detail))


@dataclass(frozen=True, slots=True)
class _Leaf:
    comparison: Comparison
    field: FieldType
    text: str
    clock: Clock

    def test(self) -> KeyTest:
        """The test of the operator, of its positive form when it is a negative one."""
        operator = _NEGATIVE.get(self.comparison.operator, self.comparison.operator)
        if operator == "like":
            return self._like()
        if operator == "includes":
            return self._selection()
        ranges = [key_range(self.text, self.field, value, self.clock) for value in self.comparison.values]
        if operator == "in":
            return _membership(ranges)
        return _COMPARISONS[operator](ranges[0] if operator == "=" else self._bound(ranges[0]))

    def _bound(self, range_: KeyRange | None) -> KeyRange | None:
        """An empty text equals null, but in an order it comes before every text: `Name > ''` finds all with a name."""
        empty_text = range_ is None and self.comparison.values[0].kind == "string"
        return KeyRange("") if empty_text else range_

    def _like(self) -> KeyTest:
        self._require(self.field.type in TEXT_TYPES)
        literal = self.comparison.values[0]
        if literal.kind != "string":
            raise malformed(self.text, literal.offset, f"unexpected token: '{literal.text}'")
        matches = like_pattern(self.text, literal).fullmatch
        if self.field.picklist_labels:  # LIKE goes by the label (SOQL and SOSL Reference, "Comparison Operators")
            labels = {value.lower(): label.lower() for value, label in self.field.picklist_labels}
            return lambda key: key is not None and matches(labels.get(str(key), str(key))) is not None
        return lambda key: key is not None and matches(str(key)) is not None

    def _selection(self) -> KeyTest:
        """INCLUDES ('A;B','C'): both A and B, or C."""
        self._require(self.field.type == "multipicklist")
        texts = [unescape(self.text, literal).lower() for literal in self.comparison.values]
        choices = [frozenset(text.split(";")) for text in texts]

        def test(key: Key | None) -> bool:
            selected = frozenset(str(key).split(";")) if key is not None else frozenset()
            return any(choice <= selected for choice in choices)

        return test

    def _require(self, allowed: bool) -> None:
        if not allowed:
            message = f"invalid operator {self.comparison.operator} on {self.field.type} field '{self.field.name}'"
            raise SoqlError("INVALID_QUERY_FILTER_OPERATOR", message)


def _membership(ranges: list[KeyRange | None]) -> KeyTest:
    if any(one is not None and one.high is not None for one in ranges):
        tests = [_equals(one) for one in ranges]
        return lambda key: any(test(key) for test in tests)
    keys = frozenset(None if one is None else one.low for one in ranges)
    return lambda key: key in keys


def _equals(range_: KeyRange | None) -> KeyTest:
    if range_ is None:
        return lambda key: key is None
    low, high = range_.low, range_.high
    if high is None:
        return lambda key: key == low
    return lambda key: key is not None and low <= key < high  # type: ignore[operator]  # keys of one field share a type


def _ordered(compare: Callable[[Key, KeyRange], bool]) -> Callable[[KeyRange | None], KeyTest]:
    def build(range_: KeyRange | None) -> KeyTest:
        if range_ is None:
            return lambda key: False
        return lambda key: key is not None and compare(key, range_)

    return build


def _before(key: Key, range_: KeyRange) -> bool:
    return key < range_.low  # type: ignore[operator]


def _not_before(key: Key, range_: KeyRange) -> bool:
    return not _before(key, range_)


def _after(key: Key, range_: KeyRange) -> bool:
    """After a range begins where it ends; after a point, beyond it."""
    return key > range_.low if range_.high is None else key >= range_.high  # type: ignore[operator]


def _not_after(key: Key, range_: KeyRange) -> bool:
    return not _after(key, range_)


_COMPARISONS: dict[str, Callable[[KeyRange | None], KeyTest]] = {
    "=": _equals,
    "<": _ordered(_before),
    ">=": _ordered(_not_before),
    ">": _ordered(_after),
    "<=": _ordered(_not_after),
}
