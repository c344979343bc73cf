"""Relative dates (`TODAY`, `LAST_N_DAYS:30`, `THIS_FISCAL_QUARTER`): ranges of days that move with the day of reading.

SOQL and SOSL Reference, "Date Formats and Date Literals", as the project's wire facts settle it: `LAST_N_DAYS:n` begins
n days ago and includes today; `NEXT_N_DAYS:n` begins tomorrow; the other counted forms leave out the current unit.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

Unit = Literal["DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR"]

MONTHS: dict[Unit, int] = {"MONTH": 1, "QUARTER": 3, "YEAR": 12, "FISCAL_QUARTER": 3, "FISCAL_YEAR": 12}

SUNDAY = 6

LONGEST_UNIT_DAYS = 366


@dataclass(frozen=True, slots=True)
class Calendar:
    """How an org counts days: what its company information and the connected user's locale say."""

    time_zone: str = "UTC"
    week_starts: int = SUNDAY
    """As `date.weekday` counts: Monday 0, Sunday 6 (US locales)."""
    fiscal_year_starts: int = 1
    """Month."""

    def today(self, now_ms: int) -> date:
        return datetime.fromtimestamp(now_ms / 1000, zone(self.time_zone)).date()

    def begins_ms(self, day: date) -> int:
        """The first moment of the day."""
        return int(datetime.combine(day, time(), zone(self.time_zone)).timestamp() * 1000)

    def day_of(self, text: str) -> date | None:
        """The day of a field's value: a date as it is, a date-time where the org is. None: it is neither."""
        try:
            if len(text) == len("2024-05-01"):
                return date.fromisoformat(text)
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone(self.time_zone)).date()
        except (ValueError, OverflowError):
            return None


@cache
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Span:
    """`start` <= day < `end`."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class RelativeDays:
    """`count` units, of which the first lies `first` units after the current one (negative: before)."""

    unit: Unit
    first: int
    count: int

    def on(self, today: date, calendar: Calendar) -> Span:
        return Span(
            _begin(self.unit, today, self.first, calendar), _begin(self.unit, today, self.first + self.count, calendar)
        )


_ONE_DAY = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
_ONE_UNIT = {"LAST": -1, "THIS": 0, "NEXT": 1}
_UNITS = "DAY|WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR"
_CURRENT = re.compile(rf"(LAST|THIS|NEXT)_({_UNITS.removeprefix('DAY|')})", re.ASCII)
_SEVERAL = re.compile(rf"(LAST|NEXT)_N_({_UNITS})S:(\d{{1,6}})", re.ASCII)
_AGO = re.compile(rf"N_({_UNITS})S_AGO:(\d{{1,6}})", re.ASCII)
_NINETY = re.compile(r"(LAST|NEXT)_90_DAYS")


def parse_relative(text: str) -> RelativeDays | None:
    """None: not a relative date that SOQL knows. Case does not matter."""
    name = text.upper()
    if name in _ONE_DAY:
        return RelativeDays("DAY", _ONE_DAY[name], 1)
    if found := _CURRENT.fullmatch(name):
        return RelativeDays(_unit(found[2]), _ONE_UNIT[found[1]], 1)
    if found := _NINETY.fullmatch(name):
        return _several(found[1], "DAY", 90)
    if found := _SEVERAL.fullmatch(name):
        return _several(found[1], _unit(found[2]), int(found[3]))
    if found := _AGO.fullmatch(name):
        return RelativeDays(_unit(found[1]), -int(found[2]), 1)
    return None


def _several(which: str, unit: Unit, number: int) -> RelativeDays:
    if which == "NEXT":
        return RelativeDays(unit, 1, number)
    return RelativeDays(unit, -number, number + 1 if unit == "DAY" else number)


def _unit(text: str) -> Unit:
    return next(unit for unit in ("DAY", "WEEK", *MONTHS) if unit == text)


def _begin(unit: Unit, today: date, ahead: int, calendar: Calendar) -> date:
    """First day of the unit that lies `ahead` units after the one of today; the ends of the calendar bound it."""
    try:
        if unit in MONTHS:
            return _begin_of_months(MONTHS[unit], today, ahead, calendar.fiscal_year_starts if "FISCAL" in unit else 1)
        days = 1 if unit == "DAY" else 7
        into = 0 if unit == "DAY" else (today.weekday() - calendar.week_starts) % 7
        return today + timedelta(days=days * ahead - into)
    except (ValueError, OverflowError):
        return date.max if ahead > 0 else date.min


def _begin_of_months(length: int, today: date, ahead: int, first_month: int) -> date:
    months = 12 * today.year + today.month - first_month
    year, month = divmod((months // length + ahead) * length + first_month - 1, 12)
    return date(year, month + 1, 1)


def next_flip(relative: RelativeDays, day: date, today: date, calendar: Calendar) -> date | None:
    """The first day after `today` on which `day` passes an edge of the range; None: it never will.

    Both edges only ever move forward, so that each passes a day once.
    """
    crossings = (
        _first_day(lambda on: relative.on(on, calendar).start > day, today, _reach(relative, day, today)),
        _first_day(lambda on: relative.on(on, calendar).end > day, today, _reach(relative, day, today)),
    )
    return min((crossing for crossing in crossings if crossing is not None), default=None)


def _reach(relative: RelativeDays, day: date, today: date) -> int:
    """An ordinal by which both edges have passed `day`: they are never further behind than all units and one more."""
    behind = (abs(relative.first) + relative.count + 2) * LONGEST_UNIT_DAYS
    return min(max(day, today).toordinal() + behind, date.max.toordinal())


def _first_day(passed: Callable[[date], bool], today: date, until: int) -> date | None:
    if passed(today):
        return None
    ordinals = range(today.toordinal() + 1, until + 1)
    index = bisect_left(ordinals, True, key=lambda ordinal: passed(date.fromordinal(ordinal)))
    return date.fromordinal(ordinals[index]) if index < len(ordinals) else None
