"""What a sweep may delete by itself, and what it asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.capture.sweeping import Ids, deletions, judge


@given(present=st.sets(st.text(max_size=18), max_size=50), absent=st.text(max_size=18))
def test_a_set_of_ids(present: set[str], absent: str) -> None:
    ids = Ids()
    for each in present:
        ids.add(each)
        assert each in ids
    assert len(ids) == len(present)
    assert all(each in ids for each in present)
    assert (absent in ids) == (absent in present)


@pytest.mark.parametrize(
    ("mirrored", "missing", "vanished", "confirmed", "deletes", "asks"),
    [
        (1000, 0, 0, False, True, False),
        (1000, 20, 0, False, True, False),
        (1000, 21, 0, False, False, True),
        (1000, 300, 300, False, False, True),
        (1000, 3, 2, False, True, True),
        (10, 5, 0, False, True, False),
        (10, 6, 0, False, False, True),
        (1000, 300, 300, True, True, False),
    ],
)
def test_more_than_a_fiftieth_or_what_left_no_trace_is_asked_about(
    mirrored: int, missing: int, vanished: int, confirmed: bool, deletes: bool, asks: bool
) -> None:
    verdict = judge("lead", mirrored, missing, vanished, confirmed=confirmed)
    assert (verdict.deletes, verdict.asks is not None) == (deletes, asks)


def test_a_deletion_without_a_trace_loses_against_what_is_newer() -> None:
    (change,) = deletions("acme", "lead", ["00Q000000000001AAA"], seen_ms=7, now_ms=9)
    assert (change.kind, change.version, change.captured_at_ms) == ("delete", (7, 0, 0), 9)
