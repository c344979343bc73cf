"""What a run would send if it began now. Writes nothing, and asks the org only how its fields are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.documents import WritebackRow, WritebackRun, WritebackSettings
from schemas.events import Entity
from workers.core.writeback import Planned, batches_of, by_calls, calls_of, fields_of
from workers.core.writeback.packs import packs_of, rows_of
from workers.core.writeback.parts import JOB_CALLS, JOB_ROWS
from workers.insights.plan import Plan
from workers.insights.sending.run_state import PAGE_ROWS
from workers.ports import SalesforceOrg, Store
from workers.runtime.writeback_settings import problems_of, settings_of

SAMPLE = 20
"""Rows shown of each entity."""


@dataclass(frozen=True, slots=True)
class Forecast:
    rows: dict[Entity, int]
    skipped: dict[str, int]
    """Scores and records that lead to no row, by reason."""
    sample: tuple[WritebackRow, ...]
    calls: int
    batches: int
    """Of the Bulk API, as they count against the org's daily limit."""
    calls_left: int | None
    problems: tuple[str, ...]
    """What would keep the run from sending anything."""


async def forecast(store: Store, org: SalesforceOrg, team: str, now_ms: int) -> Forecast:
    """Raises Unavailable or Refused."""
    settings = await settings_of(store, team)
    plan = Plan(store, team, settings)
    rows: Counter[Entity] = Counter()
    sample: list[Planned] = []
    async for page in plan.rows():
        for row in page:
            if rows[row.entity] < SAMPLE:
                sample.append(row)
            rows[row.entity] += 1
    problems = [problem for entity in rows for problem in await problems_of(org, entity, fields_of(settings, entity))]
    return Forecast(
        rows=dict(rows),
        skipped=dict(+plan.skipped),
        sample=tuple(_as_rows(team, sample)),
        calls=calls_for(rows, settings),
        batches=sum(batches_of(number) for number in rows.values() if not by_calls(number, 0)),
        calls_left=org.background_calls_left(),
        problems=tuple(problems),
    )


def _as_rows(team: str, sample: Sequence[Planned]) -> list[WritebackRow]:
    run = WritebackRun(team=team, run_id="dry-run", started_at_ms=0)
    return [row for pack in packs_of(run, sample, {}) for row in rows_of(pack, range(len(pack.record_ids)))]


def calls_for(rows: Mapping[Entity, int], settings: WritebackSettings) -> int:
    """If every row is accepted at once and, with `compare_first`, none is right already."""
    calls = 0
    for number in rows.values():
        described = 1
        compared = -(-number // PAGE_ROWS) if settings.compare_first else 0
        sent = calls_of(number, 0) if by_calls(number, 0) else JOB_CALLS * -(-number // JOB_ROWS)
        calls += described + compared + sent
    return calls
