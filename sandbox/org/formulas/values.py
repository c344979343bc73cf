"""What formulas compute with, and how it comes from and goes into the fields of rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sandbox.org.metadata.objects import NUMBER_TYPES, FieldType
from sandbox.org.values.timestamps import parse_datetime

#: Null is None; an empty text is null too.
Value = Decimal | str | bool | date | datetime | None


class EvaluationError(Exception):
    """The formula has no value for this record: a page would show ``#Error!``."""


def from_field(field: FieldType, value: object) -> Value:
    """A stored value; percents count as fractions (Help: "Percent fields are divided by 100")."""
    if field.type == "boolean":
        return bool(value)
    if value is None or value == "":
        return None
    if field.type in NUMBER_TYPES:
        number = Decimal(str(value))
        return number / 100 if field.type == "percent" else number
    if field.type == "date":
        return date.fromisoformat(str(value)[:10])
    return parse_datetime(str(value)) if field.type == "datetime" else str(value)


def to_field(field: FieldType, value: Value) -> object:
    """A value in the form rows hold; EvaluationError when the field cannot hold it."""
    if field.type == "boolean":
        return bool(value)
    if value is None or value == "":
        return None
    if field.type in NUMBER_TYPES:
        return _number(field, value)
    if field.type == "date" and isinstance(value, date):
        return (value.date() if isinstance(value, datetime) else value).isoformat()
    if field.type == "datetime" and isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000+0000"
    return text_of(value)


def _number(field: FieldType, value: Value) -> float | int:
    number = number_of(value) * (100 if field.type == "percent" else 1)
    rounded = number.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP)
    return int(rounded) if field.type == "int" else float(rounded)


def number_of(value: Value) -> Decimal:
    if isinstance(value, Decimal):
        return value
    raise EvaluationError(f"not a number: {value}")


def text_of(value: Value) -> str:
    """``TEXT()``: no thousands separators, dates in ISO form, date-times in UTC."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, Decimal):
        plain = f"{value:f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return f"{value:%Y-%m-%d %H:%M:%SZ}" if isinstance(value, datetime) else str(value)


def truth(value: Value) -> bool:
    return value is True


def is_blank(value: Value) -> bool:
    return value is None or value == ""


def both_dates(left: Value, right: Value) -> bool:
    return isinstance(left, date) and isinstance(right, date)


def moment_of(value: Value) -> Value:
    """A date as the date-time of its midnight."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


def add(left: Value, right: Value) -> Value:
    """Numbers, texts, and days onto dates (fractions of days onto date-times)."""
    if isinstance(left, str) or isinstance(right, str):
        return text_of(left) + text_of(right)
    if isinstance(right, date):
        left, right = right, left
    if isinstance(left, date):
        return _shifted(left, number_of(right))
    return number_of(left) + number_of(right)


def subtract(left: Value, right: Value) -> Value:
    if isinstance(left, datetime) and isinstance(right, datetime):
        return Decimal(str((left - right).total_seconds())) / 86_400
    if isinstance(left, date) and isinstance(right, date):
        return Decimal((left - right).days)
    if isinstance(left, date):
        return _shifted(left, -number_of(right))
    return number_of(left) - number_of(right)


def _shifted(moment: date, days: Decimal) -> date:
    try:
        whole = days if isinstance(moment, datetime) else Decimal(int(days))
        return moment + timedelta(days=float(whole))
    except OverflowError as error:
        raise EvaluationError(str(error)) from error


def power(base: Decimal, exponent: Decimal) -> Decimal:
    try:
        return base**exponent
    except ArithmeticError as error:
        raise EvaluationError(str(error)) from error


def divide(left: Decimal, right: Decimal) -> Decimal:
    if not right:
        raise EvaluationError("division by zero")
    return left / right
