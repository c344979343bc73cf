"""What puts back what a run has replaced."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.documents import WritebackRow
from workers.core.writeback.comparing import Target, has_values


def undone(row: WritebackRow, run_id: str, current: Mapping[str, object] | None, target: Target) -> WritebackRow:
    """The row that puts back what `row` replaced; one that is kept when somebody has changed the record since.

    `current`: what the org has now; None: no such record any more.
    """
    back = row.model_copy(
        update={
            "run_id": run_id,
            "score": row.before_score,
            "last_engagement_date": row.before_date,
            "before_score": row.score,
            "before_date": row.last_engagement_date,
            "outcome": "planned",
        }
    )
    if current is None:
        return back.model_copy(update={"outcome": "kept", "error": "the record does not exist any more"})
    if not has_values(current, row, target):
        return back.model_copy(update={"outcome": "kept", "error": "changed since by somebody else"})
    return back
