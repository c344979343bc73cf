"""Scores as the body of a request: which rows are scores, and what is wrong with the others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from schemas.events import Score
from workers.core.scores import UnusableScore, engagement_of

ROWS = 10_000
"""Of one request. A hundred thousand scores are ten requests, and a repeated one costs little."""

BODY_BYTES = 2 * 1024 * 1024
"""Such rows of 200 bytes each."""

KEY_CHARACTERS = 80
"""Of a row's key, shown with what is wrong with the row."""


class Unreadable(Exception):
    """No row of the body can be told from another."""


class TooMany(Exception):
    """More rows than one request may hold."""


@dataclass(frozen=True, slots=True)
class Rejection:
    row: int
    """Its place, from 0; of NDJSON among the lines that are not empty."""
    reason: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Sorted:
    scores: tuple[Score, ...]
    rejected: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class _NoJson:
    reason: str = field(default="the line is no JSON")


def rows_of_array(body: bytes) -> Sequence[object]:
    """Raises Unreadable or TooMany. NaN and 1e309 are let through: their row is at fault, not the body."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is no JSON ({_why(error)})") from None
    if not isinstance(found, list):
        raise Unreadable("the body is no JSON array of scores; for one score a line, send application/x-ndjson")
    return _bounded(found)


def rows_of_lines(body: bytes) -> Sequence[object]:
    """Of NDJSON: a line that is no JSON is a bad row. Raises TooMany."""
    return _bounded([_row_of(line) for line in body.splitlines() if line.strip()])


def _row_of(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return _NoJson()


def _bounded(rows: Sequence[object]) -> Sequence[object]:
    if len(rows) > ROWS:
        raise TooMany(f"{len(rows):,} rows: send at most {ROWS:,} at once")
    return rows


def sort(team: str, rows: Sequence[object], now_ms: int) -> Sorted:
    """The scores among the rows, under the normal form of their key, and why the others are none."""
    scores: list[Score] = []
    rejected: list[Rejection] = []
    for place, row in enumerate(rows):
        try:
            scores.append(score_of(team, row, now_ms))
        except UnusableScore as error:
            rejected.append(Rejection(place, str(error), _key_of(row)))
    return Sorted(tuple(scores), tuple(rejected))


def score_of(team: str, row: object, now_ms: int) -> Score:
    """Raises UnusableScore naming the field."""
    if isinstance(row, _NoJson):
        raise UnusableScore(row.reason)
    if not isinstance(row, dict):
        raise UnusableScore("the row is no JSON object")
    if row.get("team", team) != team:
        raise UnusableScore(f"team: the row names another team than the address ({team})")
    try:
        score = Score.model_validate({**row, "team": team})
    except ValidationError as error:
        raise UnusableScore("; ".join(_problems(error))) from None
    key = engagement_of(score, now_ms).key
    return score if key == score.key else score.model_copy(update={"key": key})


def _problems(error: ValidationError) -> Iterator[str]:
    """By field, without the values."""
    for each in error.errors(include_input=False, include_url=False)[:5]:
        yield f"{'.'.join(map(str, each['loc']))}: {each['msg'][:1].lower()}{each['msg'][1:]}"


def _key_of(row: object) -> str:
    key: Any = row.get("key") if isinstance(row, dict) else None
    return key[:KEY_CHARACTERS] if isinstance(key, str) else ""


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    return "nested too deep" if isinstance(error, RecursionError) else "not UTF-8"
