"""What is done next about an ingest job, what its errors mean, and how many rows go together."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import InsightFields, PartStep, WritebackPart, WritebackRow, WritebackRun
from workers.core.writeback import (
    Do,
    Planned,
    Seen,
    Target,
    by_calls,
    call_rows,
    calls_of,
    calls_saved,
    compared,
    has_values,
    job_may_fare_better,
    next_step,
    parent_of,
    remedy,
    rows_together,
    verdict_of_row,
)
from workers.core.writeback.machine import NEXT
from workers.core.writeback.parts import JOB_CALLS, JOB_ROWS, ROUNDS
from workers.core.writeback.verdicts import PASSING

WITH_JOB: tuple[PartStep, ...] = ("created", "uploading", "completing", "processing", "settling")
OF_THE_ORG: tuple[Seen, ...] = ("Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted", "gone")


@pytest.mark.parametrize(("step", "seen"), list(product(WITH_JOB[:-1], OF_THE_ORG)))
def test_whatever_the_org_says_there_is_something_to_do(step: PartStep, seen: Seen) -> None:
    assert next_step(step, seen) in get_args(Do)


@pytest.mark.parametrize("step", WITH_JOB)
def test_a_second_job_is_begun_only_where_the_first_writes_nothing(step: PartStep) -> None:
    """Rows may have been written once a job was completed: then its results are read, or the records are asked."""
    for seen, do in NEXT[step].items():
        if do == "give_up":
            assert step in ("created", "uploading") or (step, seen) == ("completing", "Aborted")
    assert next_step("completing", "Aborted", processed=1) == "settle"
    assert next_step("processing", "Aborted") == "settle"


def test_rows_are_uploaded_only_to_a_job_that_has_certainly_none() -> None:
    uploads = [(step, seen) for step, table in NEXT.items() for seen, do in table.items() if do == "upload"]
    assert uploads == [("created", "Open")]


def test_a_job_is_created_only_when_none_can_be_there() -> None:
    assert next_step("creating", "unknown") == "sweep"
    creates = [(step, seen) for step, table in NEXT.items() for seen, do in table.items() if do == "create"]
    assert creates == [("creating", "none")]


def test_unfinished_results_are_no_results() -> None:
    with pytest.raises(KeyError):
        next_step("settling", "InProgress")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: 001:--", "retry"),
        ("TXN_SECURITY_METERING_ERROR:busy:--", "retry"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:T: System.LimitException: Too many SOQL queries: 101:--", "retry"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:T: execution of AfterUpdate caused by: NullPointer:--", "rejected"),
        ("REQUEST_LIMIT_EXCEEDED:TotalRequests Limit exceeded.:--", "postponed"),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION:UNABLE_TO_LOCK_ROW is what our rule says:Name --", "rejected"),
        ("ENTITY_IS_DELETED:entity is deleted:--", "rejected"),
        ("", "rejected"),
    ],
)
def test_what_the_error_of_a_row_means(error: str, verdict: str) -> None:
    assert verdict_of_row(error) == verdict


@pytest.mark.parametrize("code", sorted(PASSING))
def test_nobody_is_sent_to_the_documentation_for_what_passes(code: str) -> None:
    assert "next day" in remedy(f"{code}:x:--")


@pytest.mark.parametrize(
    ("message", "better"),
    [
        ("InternalServerError : The batch was retried more than 20 times. Use a smaller upload file.", True),
        ("TooManyLockFailure : Too many lock failures while processing the current batch", True),
        ("InvalidBatch : Field name not found : X", False),
        (None, False),
    ],
)
def test_which_jobs_may_fare_better_in_parts(message: str | None, better: bool) -> None:
    assert job_may_fare_better(message) is better


@given(st.integers(1, 3 * JOB_ROWS), st.integers(0, ROUNDS))
def test_a_part_is_never_empty_and_never_too_large(waiting: int, number: int) -> None:
    together = rows_together(waiting, number)
    assert 0 < together <= min(waiting, JOB_ROWS)
    if number and not by_calls(waiting, number):
        assert together <= -(-waiting // 2)
    assert 1 <= call_rows(number) <= 200


def test_few_rows_go_without_a_job_where_that_takes_fewer_calls() -> None:
    assert by_calls(1400, 0)
    assert not by_calls(1401, 0)
    assert calls_of(1400, 0) < JOB_CALLS
    assert [call_rows(number) for number in range(ROUNDS + 1)] == [200, 100, 50, 25, 12]


def test_what_is_saved_against_jobs_for_everything() -> None:
    part = WritebackPart(entity="contact", after="", until="x", rows=300, step="settled", with_job=False, began_at_ms=0)
    run = WritebackRun(team="a", run_id="r", started_at_ms=0, parts={"contact-0": part})
    tally = {("contact", "accepted", None): 300, ("contact", "same", None): 900, ("lead", "same", None): 1}
    assert calls_saved(run, tally) == (JOB_CALLS - 2) + JOB_CALLS  # type: ignore[arg-type]


ROW = WritebackRow(team="a", run_id="r", record_id="003000000000001AAA", entity="contact", score=7.126,
                   last_engagement_date="2026-01-01")  # fmt: skip


@pytest.mark.parametrize(
    ("score", "date", "scale", "same"),
    [
        (7.13, "2026-01-01", 2, True),
        (7.12, "2026-01-01", 2, False),
        (7, "2026-01-01", 0, True),
        (7.126, "2026-01-01", 18, True),
        (7.126, "2026-01-02", 2, False),
        (None, "2026-01-01", 2, False),
    ],
)
def test_a_record_has_the_values_as_its_field_rounds_them(
    score: float | None, date: str, scale: int, same: bool
) -> None:
    fields = InsightFields()
    target = Target(fields, scale)
    current = {fields.score: score, fields.date: date}
    assert has_values(current, ROW, target) is same
    row = compared(ROW, current, target)
    assert row.outcome == ("same" if same else "planned")
    assert same or (row.before_score, row.before_date) == (score, date)


def test_contacts_of_one_account_stand_together() -> None:
    def contact(number: int, account: str) -> Planned:
        return Planned("contact", parent_of("contact", {"AccountId": account}), f"003{number}", 1.0, None)

    assert [row.record_id for row in sorted(contact(n, f"001{n % 2}") for n in range(6))] == [
        f"003{n}" for n in (0, 2, 4, 1, 3, 5)
    ]
    assert parent_of("lead", {"AccountId": "001A"}) == parent_of("contact", {}) == ""
