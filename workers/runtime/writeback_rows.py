"""The rows of a write-back run, read out of the packs that hold them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from schemas.documents import WritebackPack, WritebackRow, WritebackRun
from workers.core.writeback.order import first_pack, next_pack, row_place
from workers.core.writeback.packs import rows_of, slots_of
from workers.ports import Store

PACKS_AT_ONCE = 4
"""Read by one query: as many rows as go through the hands of a worker together, twice."""

END = "~"
"""Behind all places."""


async def packs(
    store: Store, run: WritebackRun, after: str = "", until: str = END, outcomes: Collection[str] | None = None
) -> AsyncIterator[WritebackPack]:
    """In their order those that hold a row with one of these outcomes (None: any) behind a place, up to another; some
    that come first or last may hold such rows elsewhere only."""
    begin = first_pack(after)
    while found := await store.writeback_pack_queries.in_order(run, begin, until, outcomes, PACKS_AT_ONCE):
        for pack in found:
            yield pack
        if len(found) < PACKS_AT_ONCE:
            return
        begin = next_pack(found[-1].place)


async def pages(
    store: Store, run: WritebackRun, after: str, until: str, outcomes: Collection[str] | None, limit: int
) -> AsyncIterator[list[WritebackRow]]:
    """The rows themselves, at most `limit` together."""
    rows: list[WritebackRow] = []
    async for pack in packs(store, run, after, until, outcomes):
        rows += rows_of(pack, slots_of(pack, after, until, outcomes))
        while len(rows) >= limit:
            yield rows[:limit]
            rows = rows[limit:]
    if rows:
        yield rows


async def extent(
    store: Store, run: WritebackRun, after: str, until: str, outcomes: Collection[str], limit: int
) -> tuple[int, str]:
    """How many such rows there are, up to `limit`, and the place of the last of these ("" if there is none)."""
    number, last = 0, ""
    async for pack in packs(store, run, after, until, outcomes):
        if slots := slots_of(pack, after, until, outcomes)[: limit - number]:
            number, last = number + len(slots), row_place(pack.place, slots[-1])
        if number >= limit:
            break
    return number, last


async def search(
    store: Store, run: WritebackRun, outcomes: Collection[str] | None, code: str | None, after: str, limit: int
) -> list[WritebackRow]:
    """Up to `limit` rows with one of these outcomes, and Salesforce's code if one is given, that follow the record
    `after`. Only packs with such outcomes are read."""
    known = await of_record(store, [run], after) if after else []
    place = known[0].place if known else ""
    found: list[WritebackRow] = []
    async for pack in packs(store, run, place, END, outcomes):
        rows = rows_of(pack, slots_of(pack, place, END, outcomes))
        found += [row for row in rows if code in (None, row.code)]
        if len(found) >= limit:
            break
    return found[:limit]


async def of_record(store: Store, runs: Sequence[WritebackRun], record_id: str) -> list[WritebackRow]:
    """What became of a record in these runs, in their order. `runs`: of one team."""
    if not runs:
        return []
    found = await store.writeback_pack_queries.of_record(runs[0].team, record_id, [run.run_id for run in runs])
    by_sheet = {(pack.run_id, pack.sheet): pack for pack in found}
    holding = [by_sheet[run.run_id, run.sheet] for run in runs if (run.run_id, run.sheet) in by_sheet]
    return [row for pack in holding for row in rows_of(pack, [pack.record_ids.index(record_id)])]
