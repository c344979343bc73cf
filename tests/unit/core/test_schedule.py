"""One run for every local date."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.schedule import Schedule, blackouts_of

BERLIN = Schedule(time(2, 30), "Europe/Berlin")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def test_the_run_of_a_date_is_due_from_its_local_time_on() -> None:
    schedule = Schedule(time(2), "America/New_York")
    assert schedule.due(ms("2026-01-15T06:59:59+00:00")) == date(2026, 1, 14)
    assert schedule.due(ms("2026-01-15T07:00:00+00:00")) == date(2026, 1, 15)
    assert schedule.due(ms("2026-01-16T04:59:00+00:00")) == date(2026, 1, 15)


def test_a_time_that_summer_time_leaves_out_comes_an_hour_later() -> None:
    assert BERLIN.moment_ms(date(2026, 3, 29)) == ms("2026-03-29T03:30:00+02:00")


def test_of_a_time_that_occurs_twice_the_first_counts() -> None:
    assert BERLIN.moment_ms(date(2026, 10, 25)) == ms("2026-10-25T02:30:00+02:00")


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])


@given(
    zone=ZONES,
    at=st.times().map(lambda at: at.replace(microsecond=0, tzinfo=None)),
    day=st.dates(date(2024, 1, 1), date(2030, 12, 31)),
)
def test_every_date_has_one_moment_and_they_come_in_order(zone: str, at: time, day: date) -> None:
    schedule = Schedule(at, zone)
    moment = schedule.moment_ms(day)
    assert schedule.due(moment) == day
    assert schedule.due(moment - 1) == day - timedelta(days=1)
    assert moment < schedule.moment_ms(day + timedelta(days=1))
    assert datetime.fromtimestamp(moment / 1000, ZoneInfo(zone)).date() == day


@pytest.mark.parametrize(
    ("window", "at", "held"),
    [
        (("08:00", "18:00"), "08:00", True),
        (("08:00", "18:00"), "18:00", False),
        (("22:00", "06:00"), "23:30", True),
        (("22:00", "06:00"), "05:59", True),
        (("22:00", "06:00"), "06:00", False),
    ],
)
def test_nothing_begins_in_a_blackout(window: tuple[str, str], at: str, held: bool) -> None:
    schedule = Schedule(blackouts=blackouts_of([window]))
    now_ms = int(datetime.fromisoformat(f"2026-02-28T{at}:00").replace(tzinfo=UTC).timestamp() * 1000)
    assert schedule.blacked_out(now_ms) is held
