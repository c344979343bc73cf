"""O8 finds what it is made for."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.documents import WritebackRun
from tests.faults.writeback.oracle import SCORE, judge, written

ADA, BOB = "003000000000001AAA", "003000000000002AAA"
EXPECTED = {ADA: [1.0, 2.0, 3.0], BOB: [5.0]}


def line(record_id: str, score: float) -> dict[str, Any]:
    return {"kind": "commit", "recordId": record_id, "changed": {SCORE: score}}


def verdict(ada: list[float], *, run: WritebackRun | None = None, jobs: tuple[str, ...] = ()) -> list[str]:
    found = written([*(line(ADA, score) for score in ada), line(BOB, 5.0)])
    rows: dict[str, dict[str, Any]] = {ADA: {SCORE: ada[-1] if ada else None}, BOB: {SCORE: 5.0}}
    return judge(EXPECTED, rows, found, [run] if run else [], jobs)


@pytest.mark.parametrize("ada", [[1.0, 2.0, 3.0], [1.0, 3.0], [3.0]])
def test_days_may_be_missed(ada: list[float]) -> None:
    assert verdict(ada) == []


@pytest.mark.parametrize(
    ("ada", "said"),
    [
        ([1.0, 2.0], "has another score"),
        ([], "has another score"),
        ([2.0, 1.0, 3.0], "out of turn"),  # by a runner that slept
        ([1.0, 2.0, 1.0, 3.0], "out of turn"),
        ([1.0, 9.0, 3.0], "out of turn"),
    ],
)
def test_scores_that_are_lost_come_twice_or_too_late(ada: list[float], said: str) -> None:
    assert [said in one for one in verdict(ada)] == [True]


def test_a_run_that_does_not_add_up_or_end_and_a_job_that_is_left() -> None:
    run = WritebackRun(team="acme", run_id="2026-11-19", started_at_ms=1)
    ended = run.model_copy(update={"state": "done", "planned": 3, "accepted": 2})
    assert "does not add up" in verdict([3.0], run=ended)[0]
    assert "has not ended" in verdict([3.0], run=run)[0]
    assert "left behind" in verdict([3.0], jobs=("750 Open",))[0]


def test_a_record_that_nobody_scored() -> None:
    found = written([line("003000000000009AAA", 1.0)])
    assert "stranger" in judge({}, {}, found, [], [])[0]
