"""Runs of the write-back: what became of every row, searched and exported."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TextIO

from schemas.documents import WritebackRow, WritebackRun
from workers.console.cells import harmless
from workers.core.normalize import MalformedValue, long_id
from workers.core.writeback import remedy
from workers.ports import Refused, Store

COLUMNS = (
    *("run_id", "record_id", "entity", "score", "last_engagement_date", "before_score", "before_date"),
    *("outcome", "code", "error", "remedy"),
)
NUMBERS = frozenset({"score", "before_score"})
"""May begin with a minus."""

SETTLED = frozenset({"accepted", "same", "rejected", "unprocessed", "disabled", "postponed", "kept"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows of a run, or of a record in every run, or both; None: any."""

    run_id: str | None = None
    record_id: str | None = None
    outcome: str | None = None
    code: str | None = None

    def __call__(self, row: WritebackRow) -> bool:
        return self.outcome in (None, row.outcome) and self.code in (None, row.code)


@dataclass(frozen=True, slots=True)
class Progress:
    run: WritebackRun
    planned: int
    settled: int


async def run_of(store: Store, team: str, run_id: str) -> WritebackRun:
    """Raises Refused when there is none."""
    found = (await store.writeback_runs.load([(team, run_id)])).get((team, run_id))
    if found is None:
        raise Refused(f"team {team} has no run {run_id}: `segment-sync writeback runs {team}` shows what there is")
    return found


async def runs(store: Store, team: str) -> list[WritebackRun]:
    """Newest first."""
    found = [run async for run in store.writeback_runs.scan(team)]
    return sorted(found, key=lambda run: run.started_at_ms, reverse=True)


async def rows(store: Store, team: str, wanted: Wanted) -> AsyncIterator[WritebackRow]:
    """Of a run in the order of record ids, of a record from its newest run on. Raises Refused."""
    if wanted.record_id is not None:
        async for row in _of_record(store, team, wanted):
            yield row
        return
    if wanted.run_id is None:
        raise Refused("name a RUN, or a record with --record")
    await run_of(store, team, wanted.run_id)
    async for row in store.writeback_rows.scan(team, after=f"{wanted.run_id}:"):
        if row.run_id != wanted.run_id:
            return
        if wanted(row):
            yield row


async def _of_record(store: Store, team: str, wanted: Wanted) -> AsyncIterator[WritebackRow]:
    """By id in each run: a day's runs are few, so this needs no index of its own."""
    try:
        record_id = long_id(wanted.record_id or "")
    except MalformedValue as error:
        raise Refused(str(error)) from None
    run_ids = [run.run_id for run in await runs(store, team)] if wanted.run_id is None else [wanted.run_id]
    found = await store.writeback_rows.load([(team, f"{run_id}:{record_id}") for run_id in run_ids])
    for run_id in run_ids:
        row = found.get((team, f"{run_id}:{record_id}"))
        if row is not None and wanted(row):
            yield row


async def export(store: Store, team: str, wanted: Wanted, to: TextIO) -> int:
    """As CSV; returns how many."""
    writer = csv.writer(to)
    writer.writerow(COLUMNS)
    number = 0
    async for row in rows(store, team, wanted):
        told = row.model_dump() | {"remedy": remedy(row.error)}
        writer.writerow([_cell(column, told[column]) for column in COLUMNS])
        number += 1
    return number


def _cell(column: str, value: object) -> str:
    text = "" if value is None else str(value)
    return text if column in NUMBERS else harmless(text)


async def progress(store: Store, team: str) -> Progress | None:
    """Of the run that began last, while it goes on."""
    running = [run for run in await runs(store, team) if run.state == "running"]
    if not running:
        return None
    outcomes: Counter[str] = Counter()
    for (_, outcome, _), number in (await store.writeback_row_queries.tally(team, running[0].run_id)).items():
        outcomes[outcome] += number
    return Progress(running[0], outcomes.total(), sum(outcomes[each] for each in SETTLED))
