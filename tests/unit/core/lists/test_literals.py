from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.lists.days import RelativeDays
from workers.core.lists.literals import Amount, Moment, Text, UnsupportedLiteral, epoch_seconds, fold, parse_literal

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("''", ""),
        ("'Oslo'", "Oslo"),
        (r"'O\'Neill'", "O'Neill"),
        (r"'a\nb\rc\td\be\ff'", "a\nb\rc\td\be\ff"),
        (r"'\N\T'", "\n\t"),
        (r"'\"\\'", '"\\'),
        (r"'\u00e9\U00E9'", "\u00e9\u00e9"),
        (r"'\\n'", r"\n"),
        ("'50%_'", "50%_"),
        ("'a\nb'", "a\nb"),
    ],
)
def test_texts(literal: str, text: str) -> None:
    parsed = parse_literal(literal)
    assert isinstance(parsed, Text)
    assert parsed.plain == text


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("null", None),
        ("NULL", None),
        ("true", True),
        ("False", False),
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("5.25", 5.25),
        (".5", 0.5),
        ("1e3", 1000),
        ("2024-05-01", Moment(NOON - 12 * 3600)),
        ("2024-05-01T12:00:00Z", Moment(NOON)),
        ("2024-05-01t12:00:00.000z", Moment(NOON)),
        ("2024-05-01T12:00:00.250+0000", Moment(NOON + 0.25)),
        ("2024-05-01T14:00:00+02:00", Moment(NOON)),
        ("2024-05-01T04:30:00-0730", Moment(NOON)),
        ("CNY1", Amount("CNY", 1)),
        ("usd-1000.50", Amount("USD", -1000.5)),
        ("tomorrow", RelativeDays("DAY", 1, 1)),
        ("LAST_N_DAYS:30", RelativeDays("DAY", -30, 31)),
    ],
)
def test_bare_values(literal: str, value: object) -> None:
    parsed = parse_literal(literal)
    assert parsed == value
    assert isinstance(parsed, bool) is isinstance(value, bool)


@pytest.mark.parametrize(
    ("literal", "says"),
    [
        ("2024-02-30", "calendar"),
        ("2024-05-01T25:00:00Z", "calendar"),
        ("2024-05-01T12:00:00", "no value"),
        ("", "no value"),
        ("+", "no value"),
        ("0x1F", "no value"),
        ("nan", "no value"),
        ("Hot", "no value"),
        ("THIS_FORTNIGHT", "relative date"),
        ("LAST_N_DAYS", "relative date"),
        ("'open", "quotes"),
        ("'", "quotes"),
        ("'a'b'", "quotes"),
        ("'a\\'", "quotes"),
        (r"'\q'", r"\q"),
        (r"'\u12'", r"\u"),
    ],
)
def test_unsupported(literal: str, says: str) -> None:
    with pytest.raises(UnsupportedLiteral) as error:
        parse_literal(literal)
    assert says in str(error.value)


def test_an_escaped_wildcard_has_no_plain_text() -> None:
    parsed = parse_literal(r"'50\%'")
    assert isinstance(parsed, Text)
    with pytest.raises(UnsupportedLiteral, match="like"):
        _ = parsed.plain


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2024-05-01T12:00:00.000Z", NOON),
        ("2024-05-01T12:00:00Z", NOON),
        ("2024-05-01T12:00:00.000+0000", NOON),
        ("2024-05-01", NOON - 12 * 3600),
        ("soon", None),
        ("", None),
    ],
)
def test_moments_of_field_values(value: str, seconds: float | None) -> None:
    assert epoch_seconds(value) == seconds


def test_a_date_begins_in_utc_wherever_the_process_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        seconds = epoch_seconds("2024-05-01")
    time.tzset()
    assert seconds == NOON - 12 * 3600


@given(st.text())
def test_any_text_survives_quoting(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    parsed = parse_literal(f"'{quoted}'")
    assert isinstance(parsed, Text)
    assert parsed.plain == text


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_survives_printing(number: float) -> None:
    assert parse_literal(repr(number)) == number


@given(st.dates(date(1700, 1, 1), date(4000, 12, 31)))
def test_any_date_is_its_midnight(day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert parse_literal(day.isoformat()) == Moment(midnight.timestamp())


@given(st.datetimes(datetime(1700, 1, 1), datetime(4000, 12, 31)), st.integers(-720, 720))  # noqa: DTZ001
def test_any_datetime_in_any_zone_is_one_moment(moment: datetime, offset_minutes: int) -> None:
    there = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert parse_literal(there.isoformat()) == Moment(there.timestamp())


@given(st.text())
def test_anything_is_a_value_or_refused(text: str) -> None:
    try:
        parse_literal(text)
    except UnsupportedLiteral as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@given(st.text())
def test_folding_keeps_the_length_and_is_done_once(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert fold(folded) == folded
