"""Whether a record has the values of a row already."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.documents import InsightFields, WritebackRow


@dataclass(frozen=True, slots=True)
class Target:
    """Where the insights of an entity go; `scale`: the digits behind the point that the score field keeps."""

    fields: InsightFields
    scale: int = 18

    @property
    def names(self) -> list[str]:
        return [self.fields.score, self.fields.date]


def has_values(current: Mapping[str, Any], row: WritebackRow, target: Target) -> bool:
    """As Salesforce stores them: it rounds to the digits of the field."""
    return _same_score(current.get(target.fields.score), row.score, target.scale) and (
        current.get(target.fields.date) == row.last_engagement_date
    )


def _same_score(current: object, written: float | None, scale: int) -> bool:
    if not isinstance(current, int | float) or written is None:
        return current is None and written is None
    return math.isclose(current, written, rel_tol=1e-15, abs_tol=0.5000001 * 10.0**-scale)


def compared(row: WritebackRow, current: Mapping[str, Any], target: Target) -> WritebackRow:
    """A row that need not be written, or one that knows what it will replace: what an undo puts back."""
    if has_values(current, row, target):
        return row.model_copy(update={"outcome": "same"})
    score, date = current.get(target.fields.score), current.get(target.fields.date)
    return row.model_copy(
        update={
            "before_score": float(score) if isinstance(score, int | float) else None,
            "before_date": date if isinstance(date, str) else None,
        }
    )
