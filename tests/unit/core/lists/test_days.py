"""Dates that move: what they mean on a day, and on which day they will mean something else for a record."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.data.first_weekday import MONDAY, SATURDAY, SUNDAY, first_weekday
from workers.core.lists.days import Calendar, RelativeDays, next_flip, parse_relative

WEDNESDAY = date(2024, 5, 15)
US = Calendar()


def span(literal: str, today: date = WEDNESDAY, calendar: Calendar = US) -> tuple[str, str]:
    """First and last day."""
    relative = parse_relative(literal)
    assert relative is not None
    found = relative.on(today, calendar)
    return str(found.start), str(found.end - timedelta(days=1))


@pytest.mark.parametrize(
    ("literal", "first", "last"),
    [
        ("TODAY", "2024-05-15", "2024-05-15"),
        ("yesterday", "2024-05-14", "2024-05-14"),
        ("TOMORROW", "2024-05-16", "2024-05-16"),
        ("LAST_N_DAYS:2", "2024-05-13", "2024-05-15"),
        ("NEXT_N_DAYS:2", "2024-05-16", "2024-05-17"),
        ("N_DAYS_AGO:2", "2024-05-13", "2024-05-13"),
        ("LAST_90_DAYS", "2024-02-15", "2024-05-15"),
        ("NEXT_90_DAYS", "2024-05-16", "2024-08-13"),
        ("THIS_WEEK", "2024-05-12", "2024-05-18"),
        ("LAST_WEEK", "2024-05-05", "2024-05-11"),
        ("NEXT_WEEK", "2024-05-19", "2024-05-25"),
        ("LAST_N_WEEKS:2", "2024-04-28", "2024-05-11"),
        ("NEXT_N_WEEKS:2", "2024-05-19", "2024-06-01"),
        ("N_WEEKS_AGO:2", "2024-04-28", "2024-05-04"),
        ("THIS_MONTH", "2024-05-01", "2024-05-31"),
        ("LAST_MONTH", "2024-04-01", "2024-04-30"),
        ("LAST_N_MONTHS:5", "2023-12-01", "2024-04-30"),
        ("NEXT_N_MONTHS:8", "2024-06-01", "2025-01-31"),
        ("N_MONTHS_AGO:3", "2024-02-01", "2024-02-29"),
        ("THIS_QUARTER", "2024-04-01", "2024-06-30"),
        ("NEXT_QUARTER", "2024-07-01", "2024-09-30"),
        ("LAST_N_QUARTERS:2", "2023-10-01", "2024-03-31"),
        ("N_QUARTERS_AGO:2", "2023-10-01", "2023-12-31"),
        ("THIS_YEAR", "2024-01-01", "2024-12-31"),
        ("LAST_N_YEARS:2", "2022-01-01", "2023-12-31"),
        ("N_YEARS_AGO:2", "2022-01-01", "2022-12-31"),
        ("LAST_N_DAYS:0", "2024-05-15", "2024-05-15"),
    ],
)
def test_what_a_literal_means(literal: str, first: str, last: str) -> None:
    assert span(literal) == (first, last)


@pytest.mark.parametrize(
    ("literal", "today", "first", "last"),
    [
        ("THIS_FISCAL_YEAR", date(2024, 1, 31), "2023-02-01", "2024-01-31"),
        ("THIS_FISCAL_YEAR", date(2024, 2, 1), "2024-02-01", "2025-01-31"),
        ("LAST_FISCAL_QUARTER", WEDNESDAY, "2024-02-01", "2024-04-30"),
        ("NEXT_N_FISCAL_QUARTERS:2", WEDNESDAY, "2024-08-01", "2025-01-31"),
        ("N_FISCAL_YEARS_AGO:1", WEDNESDAY, "2023-02-01", "2024-01-31"),
        ("THIS_QUARTER", WEDNESDAY, "2024-04-01", "2024-06-30"),
    ],
)
def test_a_fiscal_year_that_begins_in_february(literal: str, today: date, first: str, last: str) -> None:
    assert span(literal, today, Calendar(fiscal_year_starts=2)) == (first, last)


def test_weeks_begin_where_the_locale_says() -> None:
    assert span("THIS_WEEK", date(2024, 5, 19), Calendar(week_starts=MONDAY)) == ("2024-05-13", "2024-05-19")
    assert span("THIS_WEEK", date(2024, 5, 19)) == ("2024-05-19", "2024-05-25")


@pytest.mark.parametrize(
    ("locale", "begins"),
    [
        ("en_US", SUNDAY),
        ("en_GB", MONDAY),
        ("de", SUNDAY),
        ("fr_CA_EURO", SUNDAY),
        ("ar_EG", SATURDAY),
        ("zh_Hans_CN", MONDAY),
    ],
)
def test_first_day_of_the_week(locale: str, begins: int) -> None:
    assert first_weekday(locale) == begins


@pytest.mark.parametrize(
    "text", ["THIS_DAY", "LAST_N_DAYS", "LAST_N_DAYS:x", "LAST_N_DAYS:-1", "N_DAYS_AGO", "THIS_DECADE", "NOW", ""]
)
def test_what_soql_does_not_know(text: str) -> None:
    assert parse_relative(text) is None


def test_the_ends_of_the_calendar_bound_what_lies_beyond() -> None:
    assert span("LAST_N_YEARS:999999")[0] == str(date.min)
    assert span("NEXT_N_WEEKS:999999")[1] == str(date.max - timedelta(days=1))


# --- moments and days ------------------------------------------------------------------------------------------------

TOKYO = Calendar(time_zone="Asia/Tokyo")


def test_today_is_where_the_org_is() -> None:
    evening_ms = int(datetime(2024, 5, 15, 20, tzinfo=UTC).timestamp() * 1000)
    assert US.today(evening_ms) == WEDNESDAY
    assert TOKYO.today(evening_ms) == WEDNESDAY + timedelta(days=1)
    assert TOKYO.begins_ms(WEDNESDAY + timedelta(days=1)) == evening_ms - 5 * 3_600_000


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-05-15", "2024-05-15"),
        ("2024-05-15T14:59:59.000Z", "2024-05-15"),
        ("2024-05-15T15:00:00.000+0000", "2024-05-16"),
        ("2024-05-15T15:00:00", "2024-05-16"),
        ("9999-12-31T23:00:00Z", None),
        ("soon", None),
        ("2024-13-01", None),
        ("", None),
    ],
)
def test_the_day_of_a_value(text: str, day: str | None) -> None:
    found = TOKYO.day_of(text)
    assert (str(found) if found else None) == day


# --- when a verdict changes by itself --------------------------------------------------------------------------------

UNITS = st.sampled_from(["DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR"])
RELATIVE = st.builds(RelativeDays, UNITS, st.integers(-6, 6), st.integers(1, 6))
DAYS = st.dates(date(2022, 1, 1), date(2027, 12, 31))
CALENDARS = st.builds(Calendar, week_starts=st.sampled_from([SUNDAY, MONDAY]), fiscal_year_starts=st.integers(1, 12))


def side(relative: RelativeDays, day: date, today: date, calendar: Calendar) -> tuple[bool, bool]:
    found = relative.on(today, calendar)
    return found.start <= day, day < found.end


@given(relative=RELATIVE, day=DAYS, today=DAYS, calendar=CALENDARS)
def test_nothing_changes_before_the_flip_and_something_does_then(
    relative: RelativeDays, day: date, today: date, calendar: Calendar
) -> None:
    flip = next_flip(relative, day, today, calendar)
    now = side(relative, day, today, calendar)
    horizon = flip if flip is not None else today + timedelta(days=40 * 366)
    step = max(1, (horizon - today).days // 97)
    later = [today + timedelta(days=n) for n in range(step, (horizon - today).days, step)]
    assert {side(relative, day, each, calendar) for each in later} <= {now}
    if flip is not None:
        assert side(relative, day, flip - timedelta(days=1), calendar) == now
        assert side(relative, day, flip, calendar) != now


def test_a_record_leaves_last_n_days_when_its_day_is_too_long_ago() -> None:
    recent = RelativeDays("DAY", -30, 31)
    assert next_flip(recent, WEDNESDAY, WEDNESDAY, US) == WEDNESDAY + timedelta(days=31)
    assert next_flip(recent, WEDNESDAY - timedelta(days=31), WEDNESDAY, US) is None
