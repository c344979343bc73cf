"""What puts back what a run has replaced."""

from __future__ import annotations

import math
from collections.abc import Mapping

from schemas.documents import InsightFields, WritebackRow


def undone(row: WritebackRow, run_id: str, current: Mapping[str, object] | None, fields: InsightFields) -> WritebackRow:
    """The row that puts back what `row` replaced; one that is kept when somebody has changed the record since.

    `current`: what the org has now; None: no such record any more.
    """
    back = row.model_copy(
        update={
            "run_id": run_id,
            "rev": 0,
            "score": row.before_score,
            "last_engagement_date": row.before_date,
            "before_score": row.score,
            "before_date": row.last_engagement_date,
            "outcome": "planned",
        }
    )
    if current is None:
        return back.model_copy(update={"outcome": "kept", "error": "the record does not exist any more"})
    if not _same_score(current.get(fields.score), row.score) or current.get(fields.date) != row.last_engagement_date:
        return back.model_copy(update={"outcome": "kept", "error": "changed since by somebody else"})
    return back


def _same_score(current: object, written: float | None) -> bool:
    """Salesforce rounds to the digits of the field, two at least where we created it."""
    if not isinstance(current, int | float) or written is None:
        return current is None and written is None
    return math.isclose(current, written, rel_tol=1e-9, abs_tol=0.0051)
