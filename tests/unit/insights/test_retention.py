"""Rows are kept for 90 days, the figures of runs for ever."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY

from schemas.documents import WritebackRow, WritebackRun
from tests.support.writeback_rows import keep_rows
from workers.insights import retention
from workers.insights.metrics import tell_run
from workers.ports import Refused

from .insights_rig import TEAM, Rig, record_id

DAY_MS = 86_400_000


def row(run_id: str, number: int) -> WritebackRow:
    return WritebackRow(
        team=TEAM,
        run_id=run_id,
        record_id=record_id("contact", number),
        entity="contact",
        score=1.0,
        last_engagement_date=None,
        outcome="accepted",
    )


async def run_ids(rig: Rig) -> list[str]:
    return sorted({each.run_id async for each in rig.store.writeback_packs.scan(TEAM)})


async def test_rows_of_runs_before_are_forgotten_in_small_steps(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAGE", 2)
    old = ["2026-08-19", "2026-08-19-1787000000000", "2026-08-19-undone"]
    kept = ["2026-08-20", "2026-11-18"]
    await keep_rows(rig.store, [row(run_id, number) for run_id in old + kept for number in range(3)], pack_rows=1)
    assert await rig.insights().write_back_due() != []  # 2026-11-18, 11:06
    assert await run_ids(rig) == kept


async def test_it_is_looked_at_once_a_day(rig: Rig) -> None:
    sweeper = retention.Retention(rig.store, rig.clock, days=1)
    await sweeper.sweep([TEAM])
    await keep_rows(rig.store, [row("2026-11-16", 1)])
    await sweeper.sweep([TEAM])
    assert await run_ids(rig) == ["2026-11-16"]
    rig.clock.ms += DAY_MS
    await sweeper.sweep([TEAM])
    assert await run_ids(rig) == []


async def test_a_run_whose_rows_are_forgotten_cannot_be_undone(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1))
    old = WritebackRun(team=TEAM, run_id="2026-01-01", state="done", started_at_ms=1, finished_at_ms=2, planned=1)
    assert not await rig.store.writeback_runs.swap([old])
    with pytest.raises(Refused, match="rows of run 2026-01-01 are not kept any more"):
        await asyncio.wait_for(rig.insights().undo(TEAM, "2026-01-01"), 5)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"segment_sync_writeback_{name}", labels) or 0.0


async def test_runs_are_counted_once_by_whoever_ended_them(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=7)
    before = [counted("runs_total", state="done"), counted("rows_total", outcome="accepted")]
    run = await rig.write_back()
    assert run.state == "done"
    await rig.insights().write_back(TEAM, again=False)
    (ended, accepted) = counted("runs_total", state="done"), counted("rows_total", outcome="accepted")
    assert [ended - before[0], accepted - before[1]] == [2, 1]  # that of today had nothing to do
    await rig.insights().write_back(TEAM, again=False)
    assert counted("runs_total", state="done") == ended


def test_every_figure_of_a_run_has_its_series() -> None:
    calls = counted("calls_total")
    figures = {"planned": 9, "rejected": 2, "retried": 3, "postponed": 1, "calls_used": 5}
    before = counted("rows_total", outcome="rejected")
    tell_run(WritebackRun(team=TEAM, run_id="r", state="failed", started_at_ms=1, finished_at_ms=5, **figures))
    assert counted("rows_total", outcome="rejected") - before == 2
    assert counted("calls_total") - calls == 5
