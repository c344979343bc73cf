"""Rows of runs as CSV (RFC 4180), for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from schemas.reports import RowReport
from workers.core.cells import harmless

COLUMNS = (
    *("run_id", "record_id", "entity", "score", "last_engagement_date", "before_score", "before_date"),
    *("outcome", "code", "error", "remedy", "sent_again"),
)

NUMBERS = frozenset({"score", "before_score", "sent_again"})
"""May begin with a minus."""


def header() -> str:
    return _text([COLUMNS])


def lines(rows: Iterable[RowReport]) -> str:
    return _text([_cell(column, getattr(row, column)) for column in COLUMNS] for row in rows)


def _text(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(column: str, value: object) -> str:
    text = "" if value is None else str(value)
    return text if column in NUMBERS else harmless(text)
