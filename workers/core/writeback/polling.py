"""When to ask the next time whether a job has ended: each look is an API call."""

from __future__ import annotations

ROWS_A_SECOND = 20_000
"""Whoever asks before a job can be done asks for nothing: Salesforce writes slower than this."""

GROWTH = 1.6
"""While a job tells of no progress."""

BEYOND = 1.05
"""The rest is expected to take as long for each row as what is done, and a little more: an early look costs a call."""

PATIENCE = 2.0
"""No pause is longer than so many times what was waited already: the first rows tell little of the last."""


def expected_pause(rows: int, processed: int, elapsed_seconds: float, before_seconds: float) -> float:
    """Seconds to the next look at a job that has worked on `processed` of its rows in so many seconds.

    `before_seconds`: the pause before this look, 0 for none.
    """
    if before_seconds == 0:
        return rows / ROWS_A_SECOND
    if 0 < processed < rows:
        rest = elapsed_seconds / processed * (rows - processed) * BEYOND
        return min(rest, elapsed_seconds * PATIENCE)
    return before_seconds * GROWTH
