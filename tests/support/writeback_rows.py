"""Rows of write-back runs as tests put them into a store, and look at them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from schemas.documents import WritebackRow, WritebackRun
from workers.core.writeback.packs import packed, planned_of, rows_of, state_of
from workers.ports import Store


async def keep_rows(store: Store, rows: Iterable[WritebackRow], pack_rows: int = 1000) -> None:
    """Behind those that their runs have."""
    by_sheet = attrgetter("team", "run_id", "entity")
    for (team, run_id, entity), of_sheet in groupby(sorted(rows, key=by_sheet), key=by_sheet):
        run = WritebackRun(team=team, run_id=run_id, started_at_ms=1)
        number = len([pack async for pack in store.writeback_packs.scan(team) if pack.run_id == run_id])
        left = list(of_sheet)
        while left:
            chunk, left = left[:pack_rows], left[pack_rows:]
            states = [state_of(row) for row in chunk]
            pack = packed(run, entity, number, [planned_of(row) for row in chunk], states)
            assert not await store.writeback_packs.swap([pack])
            number += 1


async def kept_rows(store: Store, team: str) -> list[WritebackRow]:
    """Of all runs, except those that nobody planned to the end."""
    sheets = {(run.run_id, run.sheet) async for run in store.writeback_runs.scan(team)}
    packs = [pack async for pack in store.writeback_packs.scan(team)]
    known = {run_id for run_id, _ in sheets}
    counting = [pack for pack in packs if (pack.run_id, pack.sheet) in sheets or pack.run_id not in known]
    return [row for pack in counting for row in rows_of(pack, range(len(pack.record_ids)))]
