"""Functions of one row: labels, formats, and parts of dates (SOQL and SOSL Reference, "Date Functions")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sandbox.org.metadata.objects import NUMBER_TYPES, FieldType
from sandbox.org.values.timestamps import parse_datetime, rest_datetime

if TYPE_CHECKING:
    from sandbox.org.soql.values.literals import Clock

AGGREGATES = frozenset({"count", "count_distinct", "sum", "avg", "min", "max"})

Read = Callable[[dict[str, object]], object]


def row_function(name: str, field: FieldType, read: Read, clock: Clock) -> tuple[FieldType, Read] | None:
    """What `name(field)` is and how to read it; None when there is no such function for such a field."""
    if name == "tolabel" and field.picklist_labels:
        return field, _nullable(read, lambda value: field.labels_of(str(value)))
    if name == "tolabel" or (name == "convertcurrency" and field.type == "currency"):
        return field, read
    if name == "format":
        return replace(field, type="string"), _nullable(read, lambda value: _formatted(field, value))
    if name == "converttimezone" and field.type == "datetime":
        return field, _nullable(read, lambda value: _in_zone(str(value), clock))
    if field.type not in {"date", "datetime"} or name not in _DATE_PARTS:
        return None
    if name == "hour_in_day":
        return (_INTEGER, _nullable(read, _hour)) if field.type == "datetime" else None
    part = _DATE_PARTS[name]
    result = replace(field, type="date") if name == "day_only" else _INTEGER
    return result, _nullable(read, lambda value: part(date.fromisoformat(str(value)[:10]), clock))


_INTEGER = FieldType("", "int", "", createable=False, updateable=False)


def _nullable(read: Read, function: Callable[[object], object]) -> Read:
    def apply(row: dict[str, object]) -> object:
        value = read(row)
        return None if value is None else function(value)

    return apply


def _hour(value: object) -> int:
    return int(str(value)[11:13])


def _in_zone(value: str, clock: Clock) -> str:
    """The wall-clock time of the zone, still written with +0000, so that date functions read it."""
    moment = parse_datetime(value)
    shift = moment.astimezone(clock.user_zone).utcoffset() or timedelta()
    return rest_datetime((moment + shift).timestamp())


def _fiscal(day: date, clock: Clock) -> tuple[int, int]:
    """Fiscal year, named after the calendar year in which it ends, and month within it from 0."""
    months = day.year * 12 + day.month - clock.fiscal_year_start_month
    return months // 12 + (clock.fiscal_year_start_month > 1), months % 12


_DATE_PARTS: dict[str, Callable[[date, Clock], object]] = {
    "calendar_month": lambda day, _: day.month,
    "calendar_quarter": lambda day, _: (day.month + 2) // 3,
    "calendar_year": lambda day, _: day.year,
    "day_in_month": lambda day, _: day.day,
    "day_in_week": lambda day, _: day.isoweekday() % 7 + 1,
    "day_in_year": lambda day, _: day.timetuple().tm_yday,
    "day_only": lambda day, _: day.isoformat(),
    "fiscal_month": lambda day, clock: _fiscal(day, clock)[1] + 1,
    "fiscal_quarter": lambda day, clock: _fiscal(day, clock)[1] // 3 + 1,
    "fiscal_year": lambda day, clock: _fiscal(day, clock)[0],
    "hour_in_day": lambda day, _: None,
    "week_in_month": lambda day, _: (day.day + 6) // 7,
    "week_in_year": lambda day, _: (day.timetuple().tm_yday + 6) // 7,
}


def _formatted(field: FieldType, value: object) -> str:
    """As a user with the locale en_US sees it."""
    if field.type in NUMBER_TYPES:
        text = f"{float(str(value)):,.{field.scale}f}"
        return f"${text}" if field.type == "currency" else text
    if field.type == "date":
        day = date.fromisoformat(str(value))
        return f"{day.month}/{day.day}/{day.year}"
    if field.type == "datetime":
        moment = parse_datetime(str(value))
        return f"{moment.month}/{moment.day}/{moment.year}, {(moment.hour + 11) % 12 + 1}:{moment:%M %p}"
    return str(value)
