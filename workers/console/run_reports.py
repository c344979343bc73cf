"""Reports of write-back runs and of their rows: the same ones by the API and by the command line."""

from __future__ import annotations

from typing import get_args

from schemas.documents import RowOutcomeName, WritebackRow, WritebackRun
from schemas.reports import RowReport, RunReport
from workers.core.writeback import Figures, figures_of, remedy
from workers.ports import RowsWanted, Store
from workers.runtime.writeback_rows import of_record, search

OUTCOMES: tuple[str, ...] = get_args(RowOutcomeName)

WITH_CODE = ("rejected", "retry", "unprocessed")
"""Outcomes of rows that may carry a code of Salesforce."""

COUNTED = ("accepted", "rejected", "unprocessed", "disabled", "postponed", "kept")


class Reports:
    """Implements `workers.ports.RunReports`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def runs(self, team: str, before: tuple[int, str] | None, limit: int) -> list[RunReport]:
        return [report_of(run) for run in await self._store.writeback_run_queries.newest(team, before, limit)]

    async def run(self, team: str, run_id: str) -> RunReport | None:
        run = (await self._store.writeback_runs.load([(team, run_id)])).get((team, run_id))
        return None if run is None else await report_so_far(self._store, run)

    async def exists(self, team: str, run_id: str) -> bool:
        return bool(await self._store.writeback_runs.load([(team, run_id)]))

    async def rows(self, team: str, run_id: str, wanted: RowsWanted, after: str, limit: int) -> list[RowReport]:
        return [row_report_of(row) for row in await page(self._store, team, run_id, wanted, after, limit)]


async def page(store: Store, team: str, run_id: str, wanted: RowsWanted, after: str, limit: int) -> list[WritebackRow]:
    """Rows of a run, in the order in which they were sent, that follow the one of the record `after`."""
    runs = list((await store.writeback_runs.load([(team, run_id)])).values())
    if wanted.record_id is not None:
        rows = await of_record(store, runs, wanted.record_id)
        return [each for each in rows if each.record_id != after and is_wanted(each, wanted)]
    if wanted.outcome is not None:
        outcomes: tuple[str, ...] | None = (wanted.outcome,)
    else:
        outcomes = None if wanted.code is None else WITH_CODE
    return [row for run in runs for row in await search(store, run, outcomes, wanted.code, after, limit)]


def is_wanted(row: WritebackRow, wanted: RowsWanted) -> bool:
    return wanted.outcome in (None, row.outcome) and wanted.code in (None, row.code)


async def report_so_far(store: Store, run: WritebackRun) -> RunReport:
    """While the run goes on, its rows are counted: they may be a million."""
    if run.state != "running":
        return report_of(run)
    return report_of(run, figures_of(await store.writeback_pack_queries.tally(run)))


def report_of(run: WritebackRun, so_far: Figures | None = None) -> RunReport:
    figures = run.model_dump(include={"planned", "rejections", *COUNTED})
    if so_far is not None:
        counted = {name: so_far.outcomes[name] for name in COUNTED}
        figures = {"planned": so_far.planned, "rejections": dict(so_far.rejections), **counted}
    return RunReport(
        team=run.team,
        run_id=run.run_id,
        state=run.state,
        phase=run.phase if run.state == "running" else None,
        undoes=run.undoes,
        started_at_ms=run.started_at_ms,
        finished_at_ms=run.finished_at_ms,
        duration_ms=None if run.finished_at_ms is None else run.finished_at_ms - run.started_at_ms,
        sent=run.sent,
        retried=run.retried,
        waiting=0 if so_far is None else so_far.waiting,
        skipped=run.skipped,
        remedies={code: remedy(code) for code in figures["rejections"]},
        calls_used=run.calls_used,
        calls_saved=run.calls_saved,
        jobs=run.jobs,
        detail=run.detail,
        **figures,
    )


def row_report_of(row: WritebackRow) -> RowReport:
    told = row.model_dump(exclude={"team", "place", "round", "insight_rev"})
    return RowReport(**told, remedy=remedy(row.error), sent_again=row.round)
