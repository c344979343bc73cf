"""Relative date literals (TODAY, LAST_N_DAYS:n, ...) as half-open ranges of days.

Semantics: SOQL and SOSL Reference, "Date Formats and Date Literals", with the sheet's decisions: LAST_N_DAYS:n starts
n days ago and includes today, NEXT_N_DAYS:n starts tomorrow, the other N forms leave out the current unit. Weeks start
on Sunday (US locale) and fiscal years are calendar years unless the org says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from sandbox.org.soql.settings import SUNDAY

_MONTHS_PER = {"MONTH": 1, "QUARTER": 3, "YEAR": 12, "FISCAL_QUARTER": 3, "FISCAL_YEAR": 12}


@dataclass(frozen=True, slots=True)
class DayRange:
    """`start` <= day < `end`."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class _Calendar:
    today: date
    week_start: int
    fiscal_year_start_month: int


def resolve(literal: str, today: date, *, week_start: int = SUNDAY, fiscal_year_start_month: int = 1) -> DayRange:
    """The days that a literal such as `LAST_N_DAYS:30` names on `today`.

    Raises:
        ValueError: no such literal, or it needs (or must not have) a number.
    """
    calendar = _Calendar(today, week_start, fiscal_year_start_month)
    name, _, count_text = literal.upper().partition(":")
    if count_text:
        return _counted(name, int(count_text), calendar)
    if name in _SINGLE_DAYS:
        return _days(today + timedelta(days=_SINGLE_DAYS[name]), 1)
    if name in _NINETY_DAYS:
        return _counted(_NINETY_DAYS[name], 90, calendar)
    which, _, unit = name.partition("_")
    if which not in _RELATIVE:
        raise ValueError(literal)
    return _units(unit, _RELATIVE[which], 1, calendar)


_SINGLE_DAYS = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
_NINETY_DAYS = {"LAST_90_DAYS": "LAST_N_DAYS", "NEXT_90_DAYS": "NEXT_N_DAYS"}
_RELATIVE = {"LAST": -1, "THIS": 0, "NEXT": 1}


def _counted(name: str, count: int, calendar: _Calendar) -> DayRange:
    today = calendar.today
    if name == "LAST_N_DAYS":
        return DayRange(today - timedelta(days=count), today + timedelta(days=1))
    if name == "NEXT_N_DAYS":
        return _days(today + timedelta(days=1), count)
    if name == "N_DAYS_AGO":
        return _days(today - timedelta(days=count), 1)
    for prefix, suffix, first, length in (
        ("LAST_N_", "S", -count, count),
        ("NEXT_N_", "S", 1, count),
        ("N_", "S_AGO", -count, 1),
    ):
        if name.startswith(prefix) and name.endswith(suffix):
            unit = name[len(prefix) : -len(suffix)]
            return _units(unit, first, length, calendar)
    raise ValueError(name)


def _days(start: date, count: int) -> DayRange:
    return DayRange(start, start + timedelta(days=count))


def _units(unit: str, first: int, length: int, calendar: _Calendar) -> DayRange:
    """`length` units from the one that lies `first` units away from the current one."""
    nth: Callable[[int], date]
    today = calendar.today
    if unit == "WEEK":
        current_week = today - timedelta(days=(today.weekday() - calendar.week_start) % 7)

        def nth(index: int) -> date:
            return current_week + timedelta(weeks=index)
    elif unit in _MONTHS_PER:
        months = _MONTHS_PER[unit]
        first_month = calendar.fiscal_year_start_month if unit.startswith("FISCAL") else 1

        def nth(index: int) -> date:
            return _month_start(today, months, index, first_month)
    else:
        raise ValueError(unit)
    return DayRange(nth(first), nth(first + length))


def _month_start(today: date, months: int, index: int, first_month: int) -> date:
    """First day of the unit of `months` months that lies `index` units after today's; years begin in `first_month`."""
    shift = first_month - 1
    month_number = today.year * 12 + (today.month - 1) - shift
    start = (month_number // months + index) * months + shift
    return date(start // 12, start % 12 + 1, 1)
