"""Rows of runs: found by run, record, outcome and code; exported; counted while a run goes on."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from schemas.documents import WritebackRow, WritebackRun
from tests.support.writeback_rows import keep_rows
from workers.adapters.memory.store import memory_store
from workers.console.writeback_runs import export, progress, report, reports, rows
from workers.ports import Refused, RowsWanted, Store

TEAM = "acme"
LOCK = "UNABLE_TO_LOCK_ROW"


def record_id(number: int) -> str:
    return f"003{number:012d}AAA"


def row(run_id: str, number: int, **fields: Any) -> WritebackRow:
    plain = {"team": TEAM, "entity": "contact", "score": 1.0, "last_engagement_date": None, "outcome": "accepted"}
    return WritebackRow.model_validate({**plain, "run_id": run_id, "record_id": record_id(number), **fields})


def run(run_id: str, at_ms: int, **fields: Any) -> WritebackRun:
    return WritebackRun(team=TEAM, run_id=run_id, started_at_ms=at_ms, **fields)


@pytest.fixture
async def store() -> Store:
    opened = memory_store()
    await opened.writeback_runs.swap(
        [run("2026-11-01", 1, state="done"), run("2026-11-01-7", 2, state="done"), run("2026-11-02", 3)]
    )
    rejected = {"outcome": "rejected", "code": LOCK, "error": f"{LOCK}:=unable to obtain exclusive access"}
    await keep_rows(
        opened,
        [
            *(row("2026-11-01", number) for number in range(3)),
            row("2026-11-01", 3, **rejected),
            row("2026-11-01-7", 3),
            row("2026-11-02", 3, outcome="planned", score=-2.5),
        ],
    )
    return opened


async def found(store: Store, run_id: str | None = None, **wanted: Any) -> list[tuple[str, str, str]]:
    pages = [page async for page in rows(store, TEAM, run_id, RowsWanted(**wanted))]
    return [(row.run_id, row.record_id, row.outcome) for page in pages for row in page]


async def test_the_rows_of_a_run_and_of_no_other(store: Store) -> None:
    assert [each[1] for each in await found(store, run_id="2026-11-01")] == [record_id(n) for n in range(4)]
    assert len(await found(store, run_id="2026-11-01-7")) == 1


@pytest.mark.parametrize("wanted", [{"outcome": "rejected"}, {"code": LOCK}])
async def test_by_outcome_and_code(store: Store, wanted: dict[str, str]) -> None:
    assert await found(store, run_id="2026-11-01", **wanted) == [("2026-11-01", record_id(3), "rejected")]
    assert await found(store, run_id="2026-11-02", **wanted) == []


async def test_a_record_in_every_run_from_the_newest_on(store: Store) -> None:
    for given in (record_id(3), record_id(3)[:15]):
        assert [each[0] for each in await found(store, record_id=given)] == ["2026-11-02", "2026-11-01-7", "2026-11-01"]
    assert await found(store, record_id=record_id(3), code=LOCK) == [("2026-11-01", record_id(3), "rejected")]
    assert await found(store, record_id=record_id(9)) == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({}, "name a RUN"), ({"run_id": "x"}, "has no run x: `segment-sync"), ({"record_id": "x"}, "'x' is not a record")],
)
async def test_what_cannot_be_looked_for_is_told(store: Store, wanted: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        await found(store, **wanted)


async def test_an_export_has_all_that_is_known_and_no_formula(store: Store) -> None:
    text = io.StringIO()
    assert await export(store, TEAM, "2026-11-01", RowsWanted(code=LOCK), text) == 1
    (told,) = csv.DictReader(io.StringIO(text.getvalue()))
    assert (told["record_id"], told["outcome"], told["code"]) == (record_id(3), "rejected", LOCK)
    assert told["error"].startswith(LOCK)
    assert told["remedy"]
    assert await export(store, TEAM, "2026-11-02", RowsWanted(), text) == 1
    assert "-2.5" in text.getvalue()
    assert "'-2.5" not in text.getvalue()


@pytest.mark.parametrize("pages_of", [1, 2])
async def test_a_run_is_read_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch, pages_of: int) -> None:
    monkeypatch.setattr("workers.console.writeback_runs.PAGE_ROWS", pages_of)
    assert [each[1] for each in await found(store, run_id="2026-11-01")] == [record_id(n) for n in range(4)]


async def test_the_report_of_a_run_that_goes_on_has_its_figures_so_far(store: Store) -> None:
    await keep_rows(
        store,
        [row("2026-11-02", 4), row("2026-11-02", 5, outcome="rejected", code="FIELD_CUSTOM_VALIDATION_EXCEPTION")],
    )
    told = await report(store, TEAM, "2026-11-02")
    assert (told.state, told.phase, told.duration_ms) == ("running", "planning", None)
    assert (told.planned, told.accepted, told.rejected, told.waiting) == (3, 1, 1, 1)
    assert told.remedies["FIELD_CUSTOM_VALIDATION_EXCEPTION"].startswith("exempt")
    ended = await report(store, TEAM, "2026-11-01")
    assert (ended.phase, ended.planned, ended.waiting) == (None, 0, 0)


async def test_how_far_the_run_is_that_goes_on(store: Store) -> None:
    await keep_rows(store, [row("2026-11-02", 4), row("2026-11-02", 5, outcome="retry")])
    so_far = await progress(store, TEAM)
    assert so_far is not None
    assert (so_far.run.run_id, so_far.planned, so_far.settled) == ("2026-11-02", 3, 1)
    assert await progress(store, "other") is None
    assert [each.run_id for each in await reports(store, TEAM)] == ["2026-11-02", "2026-11-01-7", "2026-11-01"]
