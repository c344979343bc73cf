r"""SOQL literals: the texts in which a list view's filter gives its values.

A string carries its own single quotes (`'O\'Neill'`), everything else is bare (`5`, `true`, `null`, `2024-05-01`).
Escapes: SOQL and SOSL Reference, "Quoted String Escape Sequences"; dates: "Date Formats and Date Literals".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from workers.core.lists.days import RelativeDays, parse_relative

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
CHARACTER = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|[^\\']", re.DOTALL | re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d))?", re.IGNORECASE | re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}[+-]?(?:\d+\.?\d*|\.\d+)", re.IGNORECASE | re.ASCII)
RELATIVE_DATE = re.compile(r"(?:THIS|LAST|NEXT|N)_[A-Z0-9_]+(?::\d+)?", re.IGNORECASE | re.ASCII)


class UnsupportedLiteral(ValueError):
    """A literal that cannot be compared here; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string. An escaped `%` or `_` is no wildcard in `like`, and is not allowed anywhere else."""

    characters: tuple[tuple[str, bool], ...]
    """Each character, and whether it was escaped."""

    @property
    def plain(self) -> str:
        if any(escaped and character in "%_" for character, escaped in self.characters):
            raise UnsupportedLiteral(r"a text with \% or \_, which only `like` knows")
        return "".join(character for character, _ in self.characters)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or a date-time as seconds since 1970; a date is its midnight in UTC."""

    epoch_seconds: float


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its currency (`USD250`), as list views of orgs with several currencies write it."""

    currency: str
    number: float


Literal: TypeAlias = Text | Moment | RelativeDays | Amount | bool | int | float | None


def parse_literal(text: str) -> Literal:
    """Raises UnsupportedLiteral for what SOQL does not allow."""
    if text.startswith("'"):
        return _parse_text(text)
    words: dict[str, Literal] = {"null": None, "true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    if NUMBER.fullmatch(text):
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    if MOMENT.fullmatch(text):
        return _parse_moment(text)
    if CURRENCY.fullmatch(text):
        return Amount(text[:3].upper(), float(text[3:]))
    if (relative := parse_relative(text)) is not None:
        return relative
    raise UnsupportedLiteral(_describe(text))


def epoch_seconds(text: str) -> float | None:
    """The moment that a field's value tells, in any of Salesforce's forms (`Z`, `+0000`, with or without milliseconds);
    None when it is no moment.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def fold(text: str) -> str:
    """For comparison without case, character by character: the length stays, so that `_` in `like` counts right."""
    if text.isascii():
        return text.lower()
    folded = text.casefold()
    return folded if len(folded) == len(text) else "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    folded = character.casefold()
    return folded if len(folded) == 1 else character


def _parse_text(text: str) -> Text:
    body = text[1:-1]
    tokens = CHARACTER.findall(body)
    if len(text) < 2 or not text.endswith("'") or sum(map(len, tokens)) != len(body):
        raise UnsupportedLiteral("a text whose quotes or backslashes do not match")
    return Text(tuple(_unescape(token) for token in tokens))


def _unescape(token: str) -> tuple[str, bool]:
    if len(token) == 1:
        return token, False
    if len(token) == len(r"\u0041"):
        code_point = token[2:]
        return chr(int(code_point, 16)), True
    escaped = token[1]
    if escaped in "%_":
        return escaped, True
    if escaped.lower() not in ESCAPES:
        raise UnsupportedLiteral(f"a text with the escape {token}, which SOQL does not know")
    return ESCAPES[escaped.lower()], True


def _parse_moment(text: str) -> Moment:
    seconds = epoch_seconds(text.upper())
    if seconds is None:
        raise UnsupportedLiteral(f"{text}, which is not in the calendar")
    return Moment(seconds)


def _describe(text: str) -> str:
    if RELATIVE_DATE.fullmatch(text):
        return f"{text}, a relative date that SOQL does not know"
    return f"{text[:80]}, which is no value that SOQL knows"
