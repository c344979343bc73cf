"""Relative date literals: SOQL and SOSL Reference, "Date Formats and Date Literals"."""

from __future__ import annotations

from datetime import date

import pytest

from sandbox.org.soql.values.dates import resolve

WEDNESDAY = date(2026, 7, 15)


@pytest.mark.parametrize(
    ("literal", "start", "end"),
    [
        ("TODAY", "2026-07-15", "2026-07-16"),
        ("tomorrow", "2026-07-16", "2026-07-17"),
        ("THIS_WEEK", "2026-07-12", "2026-07-19"),
        ("NEXT_WEEK", "2026-07-19", "2026-07-26"),
        ("LAST_MONTH", "2026-06-01", "2026-07-01"),
        ("THIS_QUARTER", "2026-07-01", "2026-10-01"),
        ("LAST_QUARTER", "2026-04-01", "2026-07-01"),
        ("NEXT_YEAR", "2027-01-01", "2028-01-01"),
        ("THIS_FISCAL_QUARTER", "2026-07-01", "2026-10-01"),
        ("LAST_90_DAYS", "2026-04-16", "2026-07-16"),
        ("NEXT_90_DAYS", "2026-07-16", "2026-10-14"),
        ("LAST_N_DAYS:1", "2026-07-14", "2026-07-16"),
        ("NEXT_N_DAYS:2", "2026-07-16", "2026-07-18"),
        ("N_DAYS_AGO:2", "2026-07-13", "2026-07-14"),
        ("LAST_N_WEEKS:2", "2026-06-28", "2026-07-12"),
        ("NEXT_N_MONTHS:2", "2026-08-01", "2026-10-01"),
        ("N_MONTHS_AGO:7", "2025-12-01", "2026-01-01"),
        ("LAST_N_YEARS:2", "2024-01-01", "2026-01-01"),
        ("N_FISCAL_YEARS_AGO:1", "2025-01-01", "2026-01-01"),
    ],
)
def test_range(literal: str, start: str, end: str) -> None:
    days = resolve(literal, WEDNESDAY)
    assert (days.start.isoformat(), days.end.isoformat()) == (start, end)


@pytest.mark.parametrize("literal", ["NEVER", "LAST_N_DAYS", "THIS_N_DAYS:3", "TODAY:3", "LAST_DECADE", "N_AGO:1"])
def test_unknown_literals(literal: str) -> None:
    with pytest.raises(ValueError, match=literal.split(":")[0].split("_")[-1]):
        resolve(literal, WEDNESDAY)
