"""Runs of the write-back: what became of every row, searched and exported."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import TextIO

from schemas.documents import WritebackRun
from schemas.reports import RowReport, RunReport
from workers.console.run_reports import is_wanted, page, report_of, report_so_far, row_report_of
from workers.core.normalize import MalformedValue, long_id
from workers.core.writeback import figures_of
from workers.core.writeback.tables import header, lines
from workers.ports import Refused, RowsWanted, Store
from workers.runtime.writeback_rows import of_record

PAGE_ROWS = 1000
"""Read together: a few hundred kilobytes."""


@dataclass(frozen=True, slots=True)
class Progress:
    run: WritebackRun
    planned: int
    settled: int


async def report(store: Store, team: str, run_id: str) -> RunReport:
    """Raises Refused when there is none."""
    return await report_so_far(store, await _run_of(store, team, run_id))


async def _run_of(store: Store, team: str, run_id: str) -> WritebackRun:
    found = (await store.writeback_runs.load([(team, run_id)])).get((team, run_id))
    if found is None:
        raise Refused(f"team {team} has no run {run_id}: `segment-sync writeback runs {team}` shows what there is")
    return found


async def reports(store: Store, team: str) -> list[RunReport]:
    """Newest first."""
    return [report_of(run) for run in await _runs(store, team)]


async def _runs(store: Store, team: str) -> list[WritebackRun]:
    found = [run async for run in store.writeback_runs.scan(team)]
    return sorted(found, key=lambda run: run.started_at_ms, reverse=True)


async def rows(store: Store, team: str, run_id: str | None, wanted: RowsWanted) -> AsyncGenerator[list[RowReport]]:
    """In pages: of a run in the order in which they were sent, of a record from its newest run on. Raises Refused."""
    if run_id is not None:
        await _run_of(store, team, run_id)
    if wanted.record_id is not None:
        yield await _of_record(store, team, run_id, replace(wanted, record_id=_long_id(wanted.record_id)))
        return
    if run_id is None:
        raise Refused("name a RUN, or a record with --record")
    after = ""
    while found := await page(store, team, run_id, wanted, after, PAGE_ROWS):
        yield [row_report_of(row) for row in found]
        after = found[-1].record_id


def _long_id(text: str) -> str:
    try:
        return long_id(text)
    except MalformedValue as error:
        raise Refused(str(error)) from None


async def _of_record(store: Store, team: str, run_id: str | None, wanted: RowsWanted) -> list[RowReport]:
    runs = await _runs(store, team) if run_id is None else [await _run_of(store, team, run_id)]
    found = await of_record(store, runs, str(wanted.record_id))
    return [row_report_of(row) for row in found if is_wanted(row, wanted)]


async def export(store: Store, team: str, run_id: str | None, wanted: RowsWanted, to: TextIO) -> int:
    """As CSV; returns how many."""
    to.write(header())
    number = 0
    async for found in rows(store, team, run_id, wanted):
        to.write(lines(found))
        number += len(found)
    return number


async def progress(store: Store, team: str) -> Progress | None:
    """Of the run that began last, while it goes on."""
    running = [run for run in await _runs(store, team) if run.state == "running"]
    if not running:
        return None
    figures = figures_of(await store.writeback_pack_queries.tally(running[0]))
    return Progress(running[0], figures.planned, figures.planned - figures.waiting)
