"""How many rows go to Salesforce together, and by which way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from schemas.documents import WritebackRun
from schemas.events import Entity

JOB_ROWS = 200_000
"""Rows of one ingest job. At about 50 bytes a row 10 MB, far below the 100 MB that 150 MB of base64 hold; the outcomes
of so many are held in memory at once (50 MB)."""

BATCH_ROWS = 10_000
"""Salesforce cuts a job into batches of so many, which count against a daily limit (Bulk API 2.0, "Limits")."""

CALL_ROWS = 200
"""Records of one call (sObject Collections)."""

JOB_CALLS = 8
"""API calls of a job: create, upload, complete, about three polls, two result files."""

ROUNDS = 4
"""How often rows that failed for a passing reason are sent again within a run: each time half as many together, down to
12. Locks are held for seconds, and what overtaxes the org's automation fits with fewer records in a transaction."""


def calls_of(rows: int, number: int) -> int:
    """Calls without a job, in round `number`."""
    return -(-rows // call_rows(number))


def call_rows(number: int) -> int:
    return max(1, CALL_ROWS >> number)


def by_calls(rows: int, number: int) -> bool:
    """Whether rows go call by call, being so few that this takes fewer calls than a job: below 2,000, as Salesforce
    advises. What is sent again may take twice as many: in calls it can be cut smaller than in a job."""
    return calls_of(rows, number) < (JOB_CALLS if number == 0 else 2 * JOB_CALLS)


def rows_together(waiting: int, number: int) -> int:
    """Rows of the next part of a round, of those that still wait for it."""
    if number == 0 or by_calls(waiting, number):
        return min(waiting, JOB_ROWS)
    return min(-(-waiting // 2), JOB_ROWS)


def batches_of(rows: int) -> int:
    return -(-rows // BATCH_ROWS)


def calls_saved(run: WritebackRun, tally: Mapping[tuple[Entity, str, str | None], int]) -> int:
    """API calls that jobs for all planned rows of each entity would have taken, beyond what it takes without the rows
    that Salesforce has already and without jobs where that is cheaper. Only the first round counts: what is sent again
    would have been sent again either way."""
    planned: Counter[Entity] = Counter()
    for (entity, _, _), rows in tally.items():
        planned[entity] += rows
    saved = 0
    for entity, rows in planned.items():
        parts = [part for part in run.parts.values() if part.entity == entity and part.round == 0]
        made = sum(JOB_CALLS if part.with_job else calls_of(part.rows, 0) for part in parts)
        saved += JOB_CALLS * -(-rows // JOB_ROWS) - made
    return max(0, saved)
