"""What becomes of a job that the org refuses: most refusals pass once an administrator has looked."""

from __future__ import annotations

from typing import Any

from schemas.documents import Job

FIRST_PAUSE_MS = 5 * 60 * 1000
LONGEST_PAUSE_MS = 60 * 60 * 1000
"""As with channels and readings that are refused (`core.session_machine`)."""

MOST_REFUSALS = 24
"""21 hours with these pauses: a permission that is lost in the evening is given back by then. Each attempt at a sweep
is one Bulk query of the 10,000 that an org has a day."""


def is_tried_again(job: Job) -> bool:
    counts_only = job.request is not None and job.request.dry_run  # and somebody waits for the number
    return not counts_only and job.refusals + 1 < MOST_REFUSALS


def after_refusal(job: Job, reason: str, now_ms: int, scale: float = 1.0) -> dict[str, Any]:
    """What to write into the job. `scale` of the pause: see `Pace`."""
    if not is_tried_again(job):
        return {"state": "failed", "detail": reason}
    pause_ms = scale * min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2**job.refusals)
    return {"detail": reason, "refusals": job.refusals + 1, "not_before_ms": now_ms + round(pause_ms)}


def waits(job: Job, now_ms: int) -> bool:
    """Whether it is too early to try again."""
    return job.not_before_ms is not None and now_ms < job.not_before_ms
