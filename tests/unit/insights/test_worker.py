"""The insights process: scores all the time, the write-back once a day."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from schemas.documents import WritebackRun, WritebackSettings
from tests.support.waiting import until
from workers.insights.claim import SILENCE_MS
from workers.insights.metrics import tell_day
from workers.insights.worker import DAY_MS
from workers.ports import Handler, Refused, Unavailable

from .insights_rig import TEAM, Rig
from .test_claims import SlowOrg, two_teams

TWO_O_CLOCK_MS = 1_795_053_600_000
"""2026-11-19, 02:00 UTC."""


class IdleProcessor:
    """Reads nothing, until it is stopped or fails."""

    ready = True

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def run(self, handle: Handler, stop: asyncio.Event) -> None:
        if self._error:
            raise self._error
        await stop.wait()


async def some_looks(rig: Rig) -> None:
    looks = rig.clock.looks + 10
    await until(lambda: rig.clock.looks >= looks)


@pytest.fixture
async def due(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr("workers.insights.worker.LOOK_SECONDS", 0.001)
    rig.clock.ms = TWO_O_CLOCK_MS
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    return rig


async def running(rig: Rig) -> tuple[asyncio.Task[None], asyncio.Event]:
    stop = asyncio.Event()
    return asyncio.create_task(rig.insights().run(IdleProcessor(), stop)), stop


async def test_from_two_in_the_morning_once_a_day(due: Rig) -> None:
    due.clock.ms -= 1
    await connected_at(due, due.clock.ms)
    task, stop = await running(due)
    await some_looks(due)
    assert due.org.calls == []
    due.clock.ms += 1
    await until(lambda: len(due.org.uploads) == 1)
    await due.score("person", "ada@acme.com", 2)
    due.clock.ms += 21 * 3_600_000
    await some_looks(due)
    assert len(due.org.uploads) == 1
    due.clock.ms += 3 * 3_600_000
    await until(lambda: len(due.org.uploads) == 2)
    stop.set()
    await task
    assert [run.run_id async for run in due.store.writeback_runs.scan(TEAM)] == ["2026-11-19", "2026-11-20"]


async def test_a_run_that_its_day_did_not_see_the_end_of_ends_before_the_next(
    due: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connected_at(due, due.clock.ms)
    due.org.failures["current_values"] = [Unavailable("down")] * 9
    due.org.failures["update_records"] = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await due.insights().write_back_due()
    due.org.failures.clear()
    due.clock.ms += 24 * 3_600_000
    await due.score("person", "ada@acme.com", 2)
    (run,) = await due.insights().write_back_due()
    runs = [each async for each in due.store.writeback_runs.scan(TEAM)]
    assert [(each.run_id, each.state, each.accepted) for each in runs] == [
        ("2026-11-19", "done", 1),
        ("2026-11-20", "done", 1),
    ]
    assert runs[1] == run
    written = [row.cells["Engagement_Score__c"] for _, rows in due.org.uploads for row in rows]
    assert written == ["1.0", "2.0"]


async def connected_at(rig: Rig, ms: int) -> None:
    stored = (await rig.store.connections.load([(TEAM, TEAM)]))[TEAM, TEAM]
    assert not await rig.store.connections.swap([stored.model_copy(update={"connected_at_ms": ms})])


async def test_a_run_that_was_missed_is_made_up_under_its_own_date(due: Rig) -> None:
    due.clock.ms -= 3_600_000
    task, stop = await running(due)
    await until(lambda: len(due.org.uploads) == 1)
    await due.score("person", "ada@acme.com", 2)
    due.clock.ms += 3_600_000
    await until(lambda: len(due.org.uploads) == 2)
    stop.set()
    await task
    assert [run.run_id async for run in due.store.writeback_runs.scan(TEAM)] == ["2026-11-18", "2026-11-19"]


async def test_a_team_s_own_time_zone_and_blackouts_count(due: Rig) -> None:
    await connected_at(due, due.clock.ms)
    settings = WritebackSettings(team=TEAM, time_zone="America/New_York", blackouts=(("02:00", "03:00"),))
    assert not await due.store.writeback_settings.swap([settings])
    task, stop = await running(due)
    due.clock.ms += 6 * 3_600_000 - 1  # 02:59:59 in New York
    await some_looks(due)
    assert due.org.calls == []
    due.clock.ms += 1
    await until(lambda: len(due.org.uploads) == 1)
    stop.set()
    await task


async def test_an_org_that_was_down_gets_its_run_at_a_later_look(due: Rig) -> None:
    due.org.failures["ingest_create"] = [Unavailable("Salesforce does not answer")] * 2
    task, stop = await running(due)
    async with asyncio.timeout(5):
        while not due.org.uploads:
            await some_looks(due)
            assert not task.done()
            due.clock.ms += SILENCE_MS
    stop.set()
    await task
    (run,) = [each async for each in due.store.writeback_runs.scan(TEAM)]
    assert (run.run_id, run.state) == ("2026-11-19", "done")


@pytest.mark.usefixtures("by_job")
async def test_an_org_that_takes_long_holds_up_no_other_team(due: Rig) -> None:
    slow, stop = SlowOrg(), asyncio.Event()
    orgs = await two_teams(due, Unavailable("")) | {"aardvark": slow}
    task = asyncio.create_task(due.insights(orgs=orgs).run(IdleProcessor(), stop))
    await asyncio.wait_for(slow.polled.wait(), 5)
    await until(lambda: len(due.org.uploads) == 1)
    await due.score("person", "ada@acme.com", 2)
    due.clock.ms += DAY_MS
    await until(lambda: len(due.org.uploads) == 2)
    assert len(slow.uploads) == 1
    stop.set()
    await task


@pytest.mark.usefixtures("by_job")
async def test_a_run_whose_turn_comes_in_a_blackout_waits_for_its_end(
    due: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.insights.worker.TEAMS_AT_ONCE", 1)
    await due.store.writeback_settings.swap([WritebackSettings(team=TEAM, blackouts=(("02:10", "03:00"),))])
    slow, stop = SlowOrg(), asyncio.Event()
    orgs = await two_teams(due, Unavailable("")) | {"aardvark": slow}
    task = asyncio.create_task(due.insights(orgs=orgs).run(IdleProcessor(), stop))
    await asyncio.wait_for(slow.polled.wait(), 5)
    due.clock.ms += 30 * 60_000
    slow.finish.set()

    async def has_had_its_turn() -> bool:
        return [run.state async for run in due.store.writeback_runs.scan("aardvark")] == ["done"]

    await until(has_had_its_turn)
    await some_looks(due)
    assert due.org.calls == []
    due.clock.ms += 30 * 60_000
    await until(lambda: len(due.org.uploads) == 1)
    stop.set()
    await task


async def test_a_processor_that_fails_ends_the_process(due: Rig) -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await due.insights().run(IdleProcessor(Refused("topic is missing")), asyncio.Event())
    assert raised.group_contains(Refused, match="topic is missing")


async def test_a_bug_in_the_write_back_ends_the_process(due: Rig) -> None:
    due.org.failures["update_records"] = [KeyError("bug")]
    with pytest.raises(ExceptionGroup) as raised:
        await due.insights().run(IdleProcessor(), asyncio.Event())
    assert raised.group_contains(KeyError)


async def test_a_job_writes_back_whoever_is_due_and_keeps_blackouts(due: Rig) -> None:
    in_new_york = WritebackSettings(team=TEAM, time_zone="America/New_York", blackouts=(("02:00", "03:00"),))
    await due.store.writeback_settings.swap([in_new_york])
    await connected_at(due, TWO_O_CLOCK_MS)
    assert await due.insights().write_back_due() == []
    due.clock.ms += 5 * 3_600_000
    assert await due.insights().write_back_due() == []  # two o'clock in New York is blacked out
    due.clock.ms += 3_600_000
    (run,) = await due.insights().write_back_due()
    assert (run.run_id, run.accepted) == ("2026-11-19", 1)
    assert await due.insights().write_back_due() == []


async def test_where_a_job_looks_who_is_due_the_process_does_not(due: Rig) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(due.insights().run(IdleProcessor(), stop, scheduled=False))
    await asyncio.sleep(0)
    stop.set()
    await task
    assert due.clock.looks == 0
    assert due.org.calls == []


async def test_what_the_runs_of_a_day_came_to_is_told_whoever_carried_them_out(rig: Rig) -> None:
    """A CronJob's process has ended before anybody asks it."""
    tell_day({}, [], 0)
    now_ms = rig.clock.ms
    figures = {"planned": 7, "accepted": 4, "rejected": 3, "calls_used": 5, "skipped": {"same": 2}}
    await rig.store.writeback_runs.swap(
        [
            run_of("a", now_ms - 10_000, now_ms - 1_000, state="done", **figures),
            run_of("b", now_ms - 10_000, now_ms - 9_000, state="failed", planned=1),
            run_of("before", 1, now_ms - DAY_MS - 1, state="done", **figures),
            run_of("going on", now_ms - 60_000, None),
        ]
    )
    stop = asyncio.Event()
    working = asyncio.create_task(rig.insights().run(IdleProcessor(), stop, scheduled=False))
    await until(lambda: told("going_on") == 1)
    stop.set()
    await working
    assert (told("day_runs", state="done"), told("day_runs", state="failed")) == (1, 1)
    rows = {name: told("day_rows", outcome=name) for name in ("planned", "accepted", "rejected", "skipped", "kept")}
    assert rows == {"planned": 8, "accepted": 4, "rejected": 3, "skipped": 2, "kept": 0}
    assert (told("day_calls", kind="used"), told("day_longest_seconds"), told("oldest_seconds")) == (5, 9, 60)


def run_of(run_id: str, started_at_ms: int, finished_at_ms: int | None, **given: Any) -> WritebackRun:
    return WritebackRun(team=TEAM, run_id=run_id, started_at_ms=started_at_ms, finished_at_ms=finished_at_ms, **given)


def told(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"segment_sync_writeback_{name}", labels)
