"""Which rows go together."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.documents import WritebackRow
from schemas.events import Entity

JOB_ROWS = 500_000
"""Rows of one ingest job: at about 50 bytes a row 25 MB, well below the 100 MB that 150 MB of base64 hold."""


def jobs_of(rows: Iterable[WritebackRow]) -> dict[str, list[WritebackRow]]:
    """Planned rows by job: per entity, ascending by record id, so that a resumed run forms the same jobs."""
    jobs: dict[str, list[WritebackRow]] = {}
    counts: dict[Entity, int] = {}
    for row in sorted(rows, key=lambda row: row.record_id):
        place = counts.get(row.entity, 0)
        counts[row.entity] = place + 1
        jobs.setdefault(f"{row.entity}-{place // JOB_ROWS}", []).append(row)
    return jobs
