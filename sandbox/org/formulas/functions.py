"""The functions whose arguments are all worked out first (Help: "Formula Operators and Functions by Context")."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, ROUND_UP, Decimal, InvalidOperation

from sandbox.org.formulas.values import EvaluationError, Value, divide, is_blank, moment_of, number_of, text_of
from sandbox.org.values.ids import MalformedIdError, to_18
from sandbox.org.values.timestamps import parse_datetime

# Metadata API: the longest text that a field holds.
_MAX_TEXT = 131_072


@dataclass(frozen=True, slots=True)
class Function:
    """What to call, and how many arguments it takes."""

    call: Callable[..., Value]
    least: int
    most: int
    # Null arguments of arithmetic make the result null, unless the formula takes blanks for zero.
    numeric: bool = False


def _rounded(mode: str) -> Callable[..., Value]:
    def apply(number: Decimal, digits: Decimal = Decimal(0)) -> Value:
        return number.quantize(Decimal(1).scaleb(-int(digits)), mode)

    return apply


def _whole(mode: str) -> Callable[[Decimal], Value]:
    return lambda number: number.to_integral_value(mode)


def _real(function: Callable[[float], float]) -> Callable[[Decimal], Value]:
    def apply(number: Decimal) -> Value:
        try:
            return Decimal(str(function(float(number))))
        except (ValueError, OverflowError) as error:
            raise EvaluationError(str(error)) from error

    return apply


def _modulo(number: Decimal, divisor: Decimal) -> Value:
    """The sign is the divisor's, as in a spreadsheet."""
    quotient = divide(number, divisor).to_integral_value(ROUND_FLOOR)
    return number - divisor * quotient


def _value(text: Value) -> Value:
    if is_blank(text):
        return None
    try:
        return Decimal(text_of(text).strip())
    except InvalidOperation as error:
        raise EvaluationError(f"not a number: {text}") from error


def _is_number(text: Value) -> Value:
    try:
        return not is_blank(text) and Decimal(text_of(text).strip()).is_finite()
    except InvalidOperation:
        return False


def _find(searched: Value, text: Value, start: Value = Decimal(1)) -> Value:
    """One-based; 0 when it is not there."""
    return Decimal(text_of(text).find(text_of(searched), int(number_of(start)) - 1) + 1)


def _middle(text: Value, start: Value, count: Value) -> Value:
    first = max(int(number_of(start)) - 1, 0)
    return text_of(text)[first : first + max(int(number_of(count)), 0)]


def _right(text: Value, count: Value) -> Value:
    whole, length = text_of(text), max(int(number_of(count)), 0)
    return whole[max(len(whole) - length, 0) :]


def _padded(text: Value, length: Value, padding: Value = " ", *, left: bool) -> Value:
    whole, width, fill = text_of(text), int(number_of(length)), text_of(padding) or " "
    if width <= len(whole):
        return whole[: max(width, 0)]
    if width > _MAX_TEXT:
        raise EvaluationError("text too long")
    missing = (fill * width)[: width - len(whole)]
    return missing + whole if left else whole + missing


def _matches(text: Value, pattern: Value) -> Value:
    """The whole text must match. Java's and Python's expressions agree as far as rules use them."""
    try:
        return re.fullmatch(text_of(pattern), text_of(text)) is not None
    except re.error as error:
        raise EvaluationError(f"invalid regular expression: {error}") from error


def _includes(values: Value, one: Value) -> Value:
    return text_of(one) in text_of(values).split(";")


def _date(year: Value, month: Value, day: Value) -> Value:
    try:
        return date(int(number_of(year)), int(number_of(month)), int(number_of(day)))
    except ValueError as error:
        raise EvaluationError(str(error)) from error


def _date_value(value: Value) -> Value:
    if isinstance(value, datetime):
        return value.date()
    try:
        return value if value is None or isinstance(value, date) else date.fromisoformat(text_of(value))
    except ValueError as error:
        raise EvaluationError(str(error)) from error


def _datetime_value(value: Value) -> Value:
    if value is None or isinstance(value, date):
        return moment_of(value)
    try:
        return parse_datetime(text_of(value).replace(" ", "T").removesuffix("Z") + "+00:00")
    except ValueError as error:
        raise EvaluationError(str(error)) from error


def _part(read: Callable[[date], int]) -> Callable[[Value], Value]:
    def apply(value: Value) -> Value:
        day = _date_value(value)
        return Decimal(read(day)) if isinstance(day, date) else None

    return apply


def _clock_part(name: str) -> Callable[[Value], Value]:
    return lambda value: Decimal(getattr(value, name)) if isinstance(value, datetime) else None


def _add_months(value: Value, months: Value) -> Value:
    """The last day of a month stays a last day."""
    if not isinstance(value, date):
        return None
    count = value.year * 12 + value.month - 1 + int(number_of(months))
    year, month = count // 12, count % 12 + 1
    if not 1 <= year <= 9_999:
        raise EvaluationError("date out of range")
    last = calendar.monthrange(year, month)[1]
    was_last = value.day == calendar.monthrange(value.year, value.month)[1]
    return value.replace(year=year, month=month, day=last if was_last else min(value.day, last))


def _unix(value: Value) -> Value:
    moment = _datetime_value(value)
    return Decimal(int(moment.timestamp())) if isinstance(moment, datetime) else None


def _case_safe_id(value: Value) -> Value:
    try:
        return to_18(text_of(value))
    except MalformedIdError:
        return value


def _largest(*numbers: Decimal) -> Value:
    return max(numbers)


def _smallest(*numbers: Decimal) -> Value:
    return min(numbers)


_NO_LIMIT = 10_000
FUNCTIONS: Mapping[str, Function] = {
    "*": Function(lambda left, right: left * right, 2, 2, numeric=True),
    "/": Function(divide, 2, 2, numeric=True),
    "ABS": Function(abs, 1, 1, numeric=True),
    "CEILING": Function(_whole(ROUND_UP), 1, 1, numeric=True),
    "FLOOR": Function(_whole(ROUND_DOWN), 1, 1, numeric=True),
    "MCEILING": Function(_whole(ROUND_CEILING), 1, 1, numeric=True),
    "MFLOOR": Function(_whole(ROUND_FLOOR), 1, 1, numeric=True),
    "ROUND": Function(_rounded(ROUND_HALF_UP), 2, 2, numeric=True),
    "TRUNC": Function(_rounded(ROUND_DOWN), 1, 2, numeric=True),
    "MOD": Function(_modulo, 2, 2, numeric=True),
    "MAX": Function(_largest, 1, _NO_LIMIT, numeric=True),
    "MIN": Function(_smallest, 1, _NO_LIMIT, numeric=True),
    "SQRT": Function(_real(math.sqrt), 1, 1, numeric=True),
    "EXP": Function(_real(math.exp), 1, 1, numeric=True),
    "LN": Function(_real(math.log), 1, 1, numeric=True),
    "LOG": Function(_real(math.log10), 1, 1, numeric=True),
    "&": Function(lambda left, right: text_of(left) + text_of(right), 2, 2),
    "TEXT": Function(text_of, 1, 1),
    "VALUE": Function(_value, 1, 1),
    "ISNUMBER": Function(_is_number, 1, 1),
    "LEN": Function(lambda text: Decimal(len(text_of(text))), 1, 1),
    "LEFT": Function(lambda text, count: text_of(text)[: max(int(number_of(count)), 0)], 2, 2),
    "RIGHT": Function(_right, 2, 2),
    "MID": Function(_middle, 3, 3),
    "UPPER": Function(lambda text, _locale="": text_of(text).upper(), 1, 2),
    "LOWER": Function(lambda text, _locale="": text_of(text).lower(), 1, 2),
    "INITCAP": Function(lambda text: text_of(text).title(), 1, 1),
    "TRIM": Function(lambda text: text_of(text).strip(), 1, 1),
    "REVERSE": Function(lambda text: text_of(text)[::-1], 1, 1),
    "CONTAINS": Function(lambda text, part: text_of(part) in text_of(text), 2, 2),
    "BEGINS": Function(lambda text, part: text_of(text).startswith(text_of(part)), 2, 2),
    "FIND": Function(_find, 2, 3),
    "SUBSTITUTE": Function(lambda text, old, new: text_of(text).replace(text_of(old), text_of(new)), 3, 3),
    "LPAD": Function(lambda *given: _padded(*given, left=True), 2, 3),
    "RPAD": Function(lambda *given: _padded(*given, left=False), 2, 3),
    "REGEX": Function(_matches, 2, 2),
    "BR": Function(lambda: "\n", 0, 0),
    "HYPERLINK": Function(lambda _url, label, _target="": text_of(label), 2, 3),
    "CASESAFEID": Function(_case_safe_id, 1, 1),
    "ISPICKVAL": Function(lambda value, text: text_of(value) == text_of(text), 2, 2),
    "INCLUDES": Function(_includes, 2, 2),
    "DATE": Function(_date, 3, 3),
    "DATEVALUE": Function(_date_value, 1, 1),
    "DATETIMEVALUE": Function(_datetime_value, 1, 1),
    "YEAR": Function(_part(lambda day: day.year), 1, 1),
    "MONTH": Function(_part(lambda day: day.month), 1, 1),
    "DAY": Function(_part(lambda day: day.day), 1, 1),
    "DAYOFYEAR": Function(_part(lambda day: day.timetuple().tm_yday), 1, 1),
    "ISOWEEK": Function(_part(lambda day: day.isocalendar().week), 1, 1),
    "ISOYEAR": Function(_part(lambda day: day.isocalendar().year), 1, 1),
    "WEEKDAY": Function(_part(lambda day: day.isoweekday() % 7 + 1), 1, 1),
    "HOUR": Function(_clock_part("hour"), 1, 1),
    "MINUTE": Function(_clock_part("minute"), 1, 1),
    "SECOND": Function(_clock_part("second"), 1, 1),
    "ADDMONTHS": Function(_add_months, 2, 2),
    "UNIXTIMESTAMP": Function(_unix, 1, 1),
    "FROMUNIXTIME": Function(lambda seconds: datetime.fromtimestamp(float(seconds), UTC), 1, 1, numeric=True),
}
