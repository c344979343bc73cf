"""The operators of list views over one value of a field.

Semantics are SOQL's: texts compare without case; a null matches `notEquals`, `notIn`, `notLike`, `excludes`, never the
opposite and never an order; a checkbox that is null is false. A date compares with a date-time as its midnight in UTC,
a relative date compares by days, in the org's time zone.
"""

from __future__ import annotations

import operator as compare
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from workers.core.lists.days import Calendar, RelativeDays, Span
from workers.core.lists.literals import Amount, Literal, Moment, Text, epoch_seconds, fold

Test: TypeAlias = Callable[[object], bool]

RECORD_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


@dataclass(frozen=True, slots=True)
class Reading:
    """The day on which a list is read: what relative dates mean holds for that day."""

    today: date
    calendar: Calendar


class WrongOperands(ValueError):
    """The operator does not take these values; the message says why."""


@dataclass(frozen=True, slots=True)
class Operands:
    field: str
    literals: tuple[Literal, ...]
    reading: Reading

    def some(self) -> tuple[Literal, ...]:
        if not self.literals:
            raise WrongOperands("it has no value to compare with")
        return self.literals

    def one(self) -> Literal:
        if len(self.some()) > 1:
            raise WrongOperands("it takes one value and has several")
        return self.literals[0]

    def texts(self) -> list[Text]:
        if not all(isinstance(literal, Text) for literal in self.some()):
            raise WrongOperands("it takes texts only")
        return [literal for literal in self.literals if isinstance(literal, Text)]


def _equals(operands: Operands) -> Test:
    """Several values mean any of them, as in the list view's own editor."""
    texts = frozenset(fold(each.plain) for each in operands.some() if isinstance(each, Text))
    others = [_equals_one(each, operands.reading) for each in operands.literals if not isinstance(each, Text)]
    if texts:
        others.append(_equals_id(texts, operands) if operands.field.endswith("Id") else _equals_text(texts))
    return others[0] if len(others) == 1 else _any(tuple(others))


def _equals_text(wanted: frozenset[str]) -> Test:
    if "" in wanted:  # `= ''` finds the empty ones: Salesforce stores an empty text as null
        return lambda value: value is None or (isinstance(value, str) and fold(value) in wanted)
    return lambda value: isinstance(value, str) and fold(value) in wanted


def _equals_id(texts: frozenset[str], operands: Operands) -> Test:
    """An id of 18 characters and its first 15 are the same, and case counts in those."""
    plain = [each.plain for each in operands.literals if isinstance(each, Text)]
    if not all(RECORD_ID.fullmatch(each) for each in plain):
        return _equals_text(texts)
    wanted = frozenset(each[:15] for each in plain)
    return lambda value: isinstance(value, str) and value[:15] in wanted


def _equals_one(literal: Literal, reading: Reading) -> Test:
    if literal is None:  # a checkbox is never null: its null is false
        return lambda value: value is None or value == "" or value is False
    if literal is True:
        return lambda value: value is True
    if literal is False:
        return lambda value: value is not True
    if isinstance(literal, Moment):
        return _on_moment(compare.eq, literal)
    if isinstance(literal, RelativeDays):
        return _on_day(lambda day, span: span.start <= day < span.end, literal, reading)
    return _on_number(compare.eq, literal)


ORDERS_OF_DAYS: Mapping[Callable[[Any, Any], bool], Callable[[date, Span], bool]] = {
    compare.lt: lambda day, span: day < span.start,
    compare.le: lambda day, span: day < span.end,
    compare.gt: lambda day, span: day >= span.end,
    compare.ge: lambda day, span: day >= span.start,
}
"""`<` is before the whole range, `>` after it; with `=` the range belongs to it."""


def _order(relation: Callable[[Any, Any], bool]) -> Callable[[Operands], Test]:
    def build(operands: Operands) -> Test:
        literal = operands.one()
        if literal is None or isinstance(literal, bool):
            raise WrongOperands("there is no order among true, false and null")
        if isinstance(literal, Text):
            bound = fold(literal.plain)
            return lambda value: isinstance(value, str) and value != "" and relation(fold(value), bound)
        if isinstance(literal, Moment):
            return _on_moment(relation, literal)
        if isinstance(literal, RelativeDays):
            return _on_day(ORDERS_OF_DAYS[relation], literal, operands.reading)
        return _on_number(relation, literal)

    return build


def _on_number(relation: Callable[[Any, Any], bool], literal: Literal) -> Test:
    number = literal.number if isinstance(literal, Amount) else literal
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and relation(value, number)


def _on_day(relation: Callable[[date, Span], bool], literal: RelativeDays, reading: Reading) -> Test:
    span, calendar = literal.on(reading.today, reading.calendar), reading.calendar

    def test(value: object) -> bool:
        day = calendar.day_of(value) if isinstance(value, str) else None
        return day is not None and relation(day, span)

    return test


def _on_moment(relation: Callable[[Any, Any], bool], moment: Moment) -> Test:
    bound = moment.epoch_seconds

    def test(value: object) -> bool:
        seconds = epoch_seconds(value) if isinstance(value, str) else None
        return seconds is not None and relation(seconds, bound)

    return test


def _like(operands: Operands) -> Test:
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


def _includes(operands: Operands) -> Test:
    """Multi-select picklists: `('A;B','C')` is (A and B) or C."""
    choices = [frozenset(fold(text.plain).split(";")) for text in operands.texts()]

    def test(value: object) -> bool:
        selected = frozenset(fold(value).split(";")) if isinstance(value, str) else frozenset()
        return any(choice <= selected for choice in choices)

    return test


def _not(build: Callable[[Operands], Test]) -> Callable[[Operands], Test]:
    def build_opposite(operands: Operands) -> Test:
        test = build(operands)
        return lambda value: not test(value)

    return build_opposite


def _any(tests: Iterable[Test]) -> Test:
    alternatives = tuple(tests)
    return lambda value: any(test(value) for test in alternatives)


OPERATORS: Mapping[str, Callable[[Operands], Test]] = {
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
