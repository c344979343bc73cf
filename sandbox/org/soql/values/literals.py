"""Literals of a query as comparison keys: what a field's value and a literal have in common.

Text compares without case, ids by their first 15 characters, dates and date-times as ISO text in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo

from sandbox.org.metadata.objects import NUMBER_TYPES, TEXT_TYPES, FieldType
from sandbox.org.soql.language.errors import SoqlError, malformed, wrong_literal_type
from sandbox.org.soql.language.syntax import Literal
from sandbox.org.soql.settings import SUNDAY
from sandbox.org.soql.values import dates

Key = str | float | bool

ID_TYPES = frozenset({"id", "reference"})
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\([uU][0-9a-fA-F]{4}|.)", re.DOTALL)
# SOQL and SOSL Reference, "SOQL Limits"; the text of the refusal is not known.
_MAX_LITERAL_CHARACTERS = 4_000
_WIRE_TYPE_NAMES = {"datetime": "dateTime"}


@dataclass(frozen=True, slots=True)
class Clock:
    """The moment of a query, and the time zone in which its days begin."""

    now: datetime
    zone: tzinfo = UTC
    user_zone: tzinfo = UTC
    week_start: int = SUNDAY
    fiscal_year_start_month: int = 1

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class KeyRange:
    """What a literal stands for: `low` <= key < `high`; a point has `high` None."""

    low: Key
    high: Key | None = None


def key_of(field: FieldType) -> Callable[[object], Key | None]:
    """A function from a stored value of `field` to its comparison key; None is null."""
    if field.type in ID_TYPES:
        return lambda value: str(value)[:15] if value else None
    if field.type in NUMBER_TYPES:
        return lambda value: None if value is None else float(str(value))
    if field.type == "boolean":
        return bool
    if field.type == "datetime":
        return lambda value: _instant(str(value)) if value else None
    return lambda value: str(value).lower() if value else None


def _instant(text: str) -> str:
    """`2024-07-02T08:28:26.000` from stored UTC forms with or without milliseconds."""
    return text[:23] if len(text) > 20 and text[19] == "." else f"{text[:19]}.000"


def key_range(text: str, field: FieldType, literal: Literal, clock: Clock) -> KeyRange | None:
    """What `literal` stands for when it is compared with `field`; None is null.

    Raises:
        SoqlError: the literal's type does not fit the field, as Salesforce words it.
    """
    if literal.kind == "null":
        return KeyRange(False) if field.type == "boolean" else None
    if field.type in TEXT_TYPES | ID_TYPES:
        return _text_range(text, field, literal)
    if field.type in NUMBER_TYPES and literal.kind in {"number", "currency"}:
        return KeyRange(float(literal.text[3:] if literal.kind == "currency" else literal.text))
    if field.type == "boolean" and literal.kind == "boolean":
        return KeyRange(literal.text.lower() == "true")
    if field.type in {"date", "datetime"}:
        moment = _moment_range(text, field, literal, clock)
        if moment is not None:
            return moment
    expected = _WIRE_TYPE_NAMES.get(field.type, field.type)
    raise wrong_literal_type(text, literal.offset, field.name, expected, quoted=False)


def _text_range(text: str, field: FieldType, literal: Literal) -> KeyRange | None:
    if literal.kind != "string":
        raise wrong_literal_type(text, literal.offset, field.name, "string", quoted=True)
    value = unescape(text, literal)
    if not value:
        return None
    if field.type not in ID_TYPES:
        return KeyRange(value.lower())
    if not re.fullmatch(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?", value):
        raise SoqlError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
    return KeyRange(value[:15])


def _moment_range(text: str, field: FieldType, literal: Literal, clock: Clock) -> KeyRange | None:
    if literal.kind == "relative_date":
        return _relative_range(text, field, literal, clock)
    if literal.kind != field.type:
        return None
    try:
        if field.type == "date":
            return KeyRange(date.fromisoformat(literal.text).isoformat())
        return KeyRange(_utc_text(datetime.fromisoformat(literal.text.upper())))
    except (ValueError, OverflowError):
        raise malformed(text, literal.offset, f"Invalid date: {literal.text}") from None


def _relative_range(text: str, field: FieldType, literal: Literal, clock: Clock) -> KeyRange:
    try:
        days = dates.resolve(
            literal.text,
            clock.today,
            week_start=clock.week_start,
            fiscal_year_start_month=clock.fiscal_year_start_month,
        )
    except (ValueError, OverflowError):
        raise malformed(text, literal.offset, f"unexpected token: '{literal.text}'") from None
    if field.type == "date":
        return KeyRange(days.start.isoformat(), days.end.isoformat())
    midnights = (datetime.combine(day, time(), clock.zone) for day in (days.start, days.end))
    low, high = (_utc_text(midnight) for midnight in midnights)
    return KeyRange(low, high)


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def unescape(text: str, literal: Literal) -> str:
    """The value of a string literal; MALFORMED_QUERY for an escape that SOQL does not know, and for a long text."""

    def character(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] in "uU" and len(escape) == 5 and not _is_surrogate(int(escape[1:], 16)):
            return chr(int(escape[1:], 16))
        # Escapes work in either letter case; \% and \_ mean something in LIKE only.
        known = _ESCAPES.get(escape.lower()) or (escape if escape in "%_" else None)
        if known is None:
            raise malformed(text, literal.offset, f"Illegal escape sequence '{match[0]}' in string literal")
        return known

    value = _ESCAPE.sub(character, literal.text)
    if len(value) > _MAX_LITERAL_CHARACTERS:
        detail = f"string literals cannot be longer than {_MAX_LITERAL_CHARACTERS} characters"
        raise malformed(text, literal.offset, detail)
    return value


def _is_surrogate(code_point: int) -> bool:
    """Half of a UTF-16 pair: no character of its own, and cannot be written as UTF-8."""
    return 0xD800 <= code_point <= 0xDFFF


def like_pattern(text: str, literal: Literal) -> re.Pattern[str]:
    """LIKE as a regular expression over lower-case text: % any run, _ one character, \\% and \\_ themselves.

    What stands between two % is taken where it occurs first, once and for all, so that no pattern takes long.
    """
    runs = [""]
    for token in re.findall(r"\\[uU][0-9a-fA-F]{4}|\\.|[^\\]", literal.text, re.DOTALL):
        if token == "%":
            runs.append("")
        elif token == "_":
            runs[-1] += "."
        else:
            plain = unescape(text, Literal("string", token, literal.offset))
            runs[-1] += re.escape(plain.lower())
    first, *middle = runs
    last = middle.pop() if middle else None
    between = "".join(f"(?>.*?{run})" for run in middle if run)
    return re.compile(first + between + ("" if last is None else f".*{last}"), re.DOTALL)
