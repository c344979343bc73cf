"""F39, the dates: whatever clocks and zones do, every local date has one run, begun when its time had come.

Two schedulers look at random moments around a change of the zone's offset, on clocks that differ, stop and step back.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from schemas.documents import WritebackRun, WritebackSettings
from tests.faults.test_rows import ONLY, SEEDS
from tests.unit.insights.insights_rig import TEAM, FakeClock, Rig

MINUTE_MS = 60_000
DAY = timedelta(days=1)

CHANGES = (
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # by half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Santiago", date(2026, 9, 6)),  # at midnight: the day begins at 01:00
    ("Africa/Cairo", date(2026, 10, 29)),  # at midnight: 23:00 comes twice
    ("Pacific/Chatham", date(2026, 4, 5)),  # 12:45 ahead
)
"""Zones and dates on which their offset changes."""


def first_moment_ms(zone: str, day: date, at: time) -> int:
    """By looking at every minute: the first of the date, not before its time of day; a time that is left out has come
    with the first minute after it."""
    minute = datetime.combine(day - DAY, time(0), UTC)
    while True:
        local = minute.astimezone(ZoneInfo(zone))
        if local.date() > day or (local.date() == day and local.time() >= at):
            return int(minute.timestamp() * 1000)
        minute += timedelta(minutes=1)


@pytest.mark.parametrize("seed", range(1, 20 + SEEDS))
async def test_every_local_date_has_one_run(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.insights.worker.ENDED_LOOK_SECONDS", 0.0)
    if ONLY and "F39" not in ONLY:
        pytest.skip("this row is not wanted")
    rng = random.Random(f"F39 dates:{seed}")
    zone, changing = rng.choice(CHANGES)
    at = time(rng.choice((0, 0, 1, 2, 2, 3, 23)), rng.choice((0, 15, 30, 45)))
    days = [changing + number * DAY for number in range(-2, 3)]
    rig = Rig()
    await rig.connect()
    await rig.person("ada@acme.com", ("contact", 1), score=0)
    settings = WritebackSettings(team=TEAM, at=at.isoformat("minutes"), time_zone=zone)
    assert not await rig.store.writeback_settings.swap([settings])
    begins, ends = (first_moment_ms(zone, day, at) for day in (days[0], days[-1]))
    connection = (await rig.store.connections.load([(TEAM, TEAM)]))[TEAM, TEAM]
    assert not await rig.store.connections.swap([connection.model_copy(update={"connected_at_ms": begins})])
    await two_schedulers_look(rig, rng, begins, ends + MINUTE_MS)
    runs = [run async for run in rig.store.writeback_runs.scan(TEAM)]
    assert [run.run_id for run in runs] == [day.isoformat() for day in days], (zone, at)
    assert [run for run in runs if not in_time(run, zone, at)] == []


def in_time(run: WritebackRun, zone: str, at: time) -> bool:
    due_ms = first_moment_ms(zone, date.fromisoformat(run.run_id), at)
    return run.state == "done" and due_ms - MINUTE_MS < run.started_at_ms < due_ms + 300 * MINUTE_MS


async def two_schedulers_look(rig: Rig, rng: random.Random, now_ms: int, until_ms: int) -> None:
    clocks = (FakeClock(now_ms), FakeClock(now_ms))
    schedulers = [rig.insights(clock=clock) for clock in clocks]
    number = 0
    while now_ms < until_ms:
        number += 1
        await rig.score("person", "ada@acme.com", number)
        for clock in clocks:  # they differ by seconds, and one of them steps back now and then
            clock.ms = now_ms + rng.randint(0, 20) * 1000 - rng.choice((0, 0, 0, 30)) * MINUTE_MS
        await asyncio.gather(*(scheduler.write_back_due() for scheduler in schedulers))
        now_ms += rng.choice((1, 5, 20, 60, 240)) * MINUTE_MS
    for clock in clocks:
        clock.ms = until_ms
    await asyncio.gather(*(scheduler.write_back_due() for scheduler in schedulers))
