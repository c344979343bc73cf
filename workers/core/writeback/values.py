"""The values of an insight: from a score to the cells of a Salesforce record."""

from __future__ import annotations

import math
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from schemas.documents import Engagement, InsightFields, WritebackRow

NULL_CELL = "#N/A"
"""Bulk API 2.0: an empty cell leaves the field as it is, this clears it (Bulk API 2.0 Developer Guide)."""

LAST_DATE = "4000-12-31"
"""Salesforce stores dates from 1700-01-01 to 4000-12-31 (SOQL reference, date formats)."""


DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1).toordinal()


class Values(NamedTuple):
    score: float
    last_engagement_date: str | None


def values_of(score: float, last_engagement_at_ms: int | None) -> Values:
    return Values(score, None if last_engagement_at_ms is None else _date(last_engagement_at_ms // DAY_MS))


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    """As ISO text; raises OverflowError or ValueError for what is none."""
    return date.fromordinal(EPOCH + day).isoformat()


def storable(score: float, last_engagement_at_ms: int | None) -> str | None:
    """Why a score cannot be written to Salesforce, or None when it can."""
    if not math.isfinite(score) or abs(score) >= 1e16:
        return "the score is not a number of at most 16 digits before the point"
    if last_engagement_at_ms is None:
        return None
    try:
        day = _date(last_engagement_at_ms // DAY_MS)
    except (OverflowError, ValueError):
        return "the last engagement time is no date"
    return None if "1700-01-01" <= day <= LAST_DATE else "Salesforce stores dates from 1700 to 4000"


def newest(stored: Engagement | None, arrived: Engagement) -> Engagement:
    """The latest `scored_at_ms` wins; the same object as stored when it does."""
    if stored is None or arrived.scored_at_ms > stored.scored_at_ms:
        return arrived.model_copy(update={"rev": 0 if stored is None else stored.rev})
    return stored


def differs(values: Values, accepted: Values | None, dead_band: float = 0.0) -> bool:
    """From what Salesforce last accepted; a score by more than the dead band."""
    if accepted is None or values.last_engagement_date != accepted.last_engagement_date:
        return True
    return abs(values.score - accepted.score) > dead_band


def cells(row: WritebackRow, fields: InsightFields) -> dict[str, str]:
    """As a CSV file tells them."""
    return {
        fields.score: NULL_CELL if row.score is None else repr(row.score),
        fields.date: row.last_engagement_date or NULL_CELL,
    }


def cell_values(row: WritebackRow, fields: InsightFields) -> dict[str, str | float | None]:
    """As JSON tells them."""
    return {fields.score: row.score, fields.date: row.last_engagement_date}
