"""Conditions to closures over rows.

Logic is two-valued: null never matches =, <, > or LIKE, and so matches !=, NOT IN, NOT (...) and EXCLUDES. The
documentation is silent on this; this is the recommended reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.org.objects import TEXT_TYPES, FieldType
from sandbox.org.soql.errors import SoqlError, at_position, malformed
from sandbox.org.soql.literals import Clock, Key, KeyRange, key_of, key_range, like_pattern, unescape
from sandbox.org.soql.schema import Binder, Column, Row
from sandbox.org.soql.syntax import Comparison, Condition, Group, Negation

Predicate = Callable[[Row], bool]
KeyTest = Callable[[Key | None], bool]


def compile_condition(condition: Condition | None, binder: Binder, clock: Clock) -> Predicate:
    """A predicate over rows of the query's object.

    Raises:
        SoqlError: INVALID_FIELD, INVALID_QUERY_FILTER_OPERATOR or MALFORMED_QUERY.
    """
    if condition is None:
        return lambda row: True
    if isinstance(condition, Negation):
        inner = compile_condition(condition.condition, binder, clock)
        return lambda row: not inner(row)
    if isinstance(condition, Group):
        return _group(condition, [compile_condition(one, binder, clock) for one in condition.conditions])
    return _Leaf(condition, binder.column(condition.path), binder.query.text, clock).predicate()


def _group(group: Group, predicates: list[Predicate]) -> Predicate:
    if group.conjunction == "and":
        return lambda row: all(predicate(row) for predicate in predicates)
    return lambda row: any(predicate(row) for predicate in predicates)


@dataclass(frozen=True, slots=True)
class _Leaf:
    comparison: Comparison
    column: Column
    text: str
    clock: Clock

    def predicate(self) -> Predicate:
        self._check_field()
        key, read, test = key_of(self.column.field), self.column.read, self._test()
        return lambda row: test(key(read(row)))

    def _check_field(self) -> None:
        field, offset = self.column.field, self.comparison.path.offset
        if self.comparison.function not in {None, "tolabel"}:
            raise malformed(self.text, offset, f"Unknown function: {self.comparison.function}")
        if not field.filterable or field.type == "address":
            detail = f"field '{field.name}' can not be filtered in a query call"
            raise SoqlError("INVALID_FIELD", at_position(self.text, offset, detail))

    def _test(self) -> KeyTest:
        operator = self.comparison.operator
        if operator == "like":
            return self._like()
        if operator in {"includes", "excludes"}:
            return self._selection(wanted=operator == "includes")
        ranges = [key_range(self.text, self.column.field, value, self.clock) for value in self.comparison.values]
        if operator in {"in", "not in"}:
            return _membership(ranges, wanted=operator == "in")
        return _COMPARISONS[operator](ranges[0])

    def _like(self) -> KeyTest:
        self._require(self.column.field.type in TEXT_TYPES, "like", self.column.field)
        literal = self.comparison.values[0]
        if literal.kind != "string":
            raise malformed(self.text, literal.offset, f"unexpected token: '{literal.text}'")
        matches = like_pattern(self.text, literal).fullmatch
        return lambda key: key is not None and matches(str(key)) is not None

    def _selection(self, *, wanted: bool) -> KeyTest:
        """INCLUDES ('A;B','C'): both A and B, or C."""
        self._require(self.column.field.type == "multipicklist", self.comparison.operator, self.column.field)
        texts = [unescape(self.text, literal).lower() for literal in self.comparison.values]
        choices = [frozenset(text.split(";")) for text in texts]

        def test(key: Key | None) -> bool:
            selected = frozenset(str(key).split(";")) if key is not None else frozenset()
            return any(choice <= selected for choice in choices) is wanted

        return test

    @staticmethod
    def _require(allowed: bool, operator: str, field: FieldType) -> None:
        if not allowed:
            message = f"invalid operator {operator} on {field.type} field '{field.name}'"
            raise SoqlError("INVALID_QUERY_FILTER_OPERATOR", message)


def _membership(ranges: list[KeyRange | None], *, wanted: bool) -> KeyTest:
    if any(one is not None and one.high is not None for one in ranges):
        tests = [_equals(one) for one in ranges]
        return lambda key: any(test(key) for test in tests) is wanted
    keys = frozenset(None if one is None else one.low for one in ranges)
    return lambda key: (key in keys) is wanted


def _equals(range_: KeyRange | None) -> KeyTest:
    if range_ is None:
        return lambda key: key is None
    low, high = range_.low, range_.high
    if high is None:
        return lambda key: key == low
    return lambda key: key is not None and low <= key < high  # type: ignore[operator]  # keys of one field share a type


def _not_equals(range_: KeyRange | None) -> KeyTest:
    equals = _equals(range_)
    return lambda key: not equals(key)


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
    "!=": _not_equals,
    "<": _ordered(_before),
    ">=": _ordered(_not_before),
    ">": _ordered(_after),
    "<=": _ordered(_not_after),
}
