"""What a plan finds, sorted and kept: each record once, however many rows are sorted together."""

from __future__ import annotations

from itertools import pairwise

import pytest

from schemas.documents import WritebackRow, WritebackRun
from workers.adapters.memory.store import memory_store
from workers.core.writeback import Planned, first_place, last_place
from workers.core.writeback import packs as packing
from workers.insights import sheet
from workers.insights.claim import Claim, TakenOver
from workers.insights.sending.run_state import RunState
from workers.insights.sheet import Sheet
from workers.ports import Store
from workers.runtime.writeback_rows import END, extent, pages

from .insights_rig import TEAM, Rig, record_id

RUN = WritebackRun(team=TEAM, run_id="r", started_at_ms=1, sheet=2)


def planned(number: int, score: float = 1.0) -> Planned:
    return Planned("contact", f"001{number % 3}", record_id("contact", number), score, None)


async def kept(store: Store, run: WritebackRun, page_rows: int = 1000) -> list[tuple[str, float | None]]:
    found = [row async for page in pages(store, run, "", END, None, page_rows) for row in page]
    assert all(one.place < other.place for one, other in pairwise(found))
    return [(row.record_id, row.score) for row in found]


@pytest.mark.parametrize("sorted_together", [4, 5, 100])
@pytest.mark.parametrize("pack_rows", [1, 3, 100])
async def test_a_record_that_comes_twice_is_kept_once(
    monkeypatch: pytest.MonkeyPatch, sorted_together: int, pack_rows: int
) -> None:
    monkeypatch.setattr(sheet, "SORTED_ROWS", sorted_together)
    monkeypatch.setattr(packing, "PACK_ROWS", pack_rows)
    store = memory_store()
    made = Sheet(store, RUN)
    for numbers in ((5, 1), (3, 2, 1), (5,), (4, 0, 3), (7,)):
        await made.add([planned(number) for number in numbers])
    await made.add([planned(7, 9.0), planned(8)])
    await made.keep()
    rows = await kept(store, RUN)
    assert sorted(rows) == [(record_id("contact", n), 1.0) for n in (0, 1, 2, 3, 4, 5, 7, 8)]
    if sorted_together == 100:
        assert [record for record, _ in rows] == [record_id("contact", n) for n in (0, 3, 1, 4, 7, 2, 5, 8)]
    assert await kept(store, RUN, 3) == rows


@pytest.mark.parametrize("pack_rows", [1, 2, 100])
async def test_how_far_rows_reach(monkeypatch: pytest.MonkeyPatch, pack_rows: int) -> None:
    monkeypatch.setattr(packing, "PACK_ROWS", pack_rows)
    store = memory_store()
    made = Sheet(store, RUN)
    await made.add([planned(3 * number) for number in range(7)])
    await made.keep()
    places = [row.place async for page in pages(store, RUN, "", END, None, 9) for row in page]
    whole = first_place("contact"), last_place("contact")
    for limit in range(1, 7):
        assert await extent(store, RUN, *whole, ("planned",), limit) == (limit, places[limit - 1])
    assert await extent(store, RUN, *whole, ("planned", "retry"), 99) == (7, places[-1])
    assert await extent(store, RUN, places[1], places[4], ("planned",), 99) == (3, places[4])
    assert await extent(store, RUN, *whole, ("kept",), 99) == (0, "")


async def test_what_another_worker_left_behind_counts_for_nothing() -> None:
    store = memory_store()
    one, other = Sheet(store, RUN), Sheet(store, RUN.model_copy(update={"sheet": 5}))
    await one.add([planned(number) for number in range(3)])
    await one.keep()
    await other.add([planned(1, 4.0)])
    await other.keep()
    assert await kept(store, RUN.model_copy(update={"sheet": 5})) == [(record_id("contact", 1), 4.0)]


async def test_two_never_write_the_same_sheet() -> None:
    store = memory_store()
    one, other = Sheet(store, RUN), Sheet(store, RUN)
    for made in (one, other):
        await made.add([planned(1)])
    await one.keep()
    with pytest.raises(TakenOver):
        await other.keep()


async def settling(rig: Rig) -> tuple[RunState, list[WritebackRow]]:
    """A worker that has read the three rows of one pack."""
    made = Sheet(rig.store, RUN)
    await made.add([planned(3 * number) for number in range(3)])
    await made.keep()
    state = RunState(Claim(rig.store, RUN), rig.store, rig.org, rig.clock)
    (page,) = [page async for page in state.pages(first_place("contact"), last_place("contact"))]
    return state, [row.model_copy(update={"outcome": "accepted"}) for row in page]


async def test_rows_of_one_pack_are_settled_side_by_side(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    state, rows = await settling(rig)
    load, crossed = rig.store.writeback_packs.load, [False]

    async def crossing(keys: list[tuple[str, str]]) -> object:
        found = await load(keys)
        if not crossed[0]:
            crossed[0] = True
            await state.leave(rows[:1])
        return found

    monkeypatch.setattr(rig.store.writeback_packs, "load", crossing)
    await state.leave(rows[1:])
    assert await rig.store.writeback_pack_queries.tally(RUN) == {("contact", "accepted", None): 3}


async def test_who_finds_his_rows_settled_has_been_overtaken(rig: Rig) -> None:
    state, rows = await settling(rig)
    await state.leave(rows[:2])
    late = [row.model_copy(update={"outcome": "rejected"}) for row in rows[1:]]
    with pytest.raises(TakenOver, match="another worker has settled 1 rows"):
        await state.leave(late)
    assert await rig.store.writeback_pack_queries.tally(RUN) == {
        ("contact", "accepted", None): 2,
        ("contact", "planned", None): 1,
    }
