"""What positions become: nothing goes back, and no reading that is owed is forgotten."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Position, Snapshot
from workers.capture.committer import Move
from workers.core.capture.positions import EVERYTHING_AGAIN, OVERLAP_MS, PENDING

START = Position(team="acme", entity="contact")
DONE = START.model_copy(update={"snapshot": Snapshot(state="done", rows=3), "confirmed_ms": 1_000_000_000})


def test_a_position_written_by_an_earlier_version_is_read() -> None:
    old = {"team": "acme", "entity": "lead", "replay_id": "7", "snapshot": {"state": "running", "job_id": "750"}}
    position = Position.model_validate_json(json.dumps(old))
    assert (position.confirmed_ms, position.snapshot.since_ms, position.snapshot.sweep) == (None, None, False)


def test_a_confirmed_moment_never_goes_back() -> None:
    moved = Move("contact", confirmed_ms=5).applied_to(START)
    assert Move("contact", confirmed_ms=3).applied_to(moved).confirmed_ms == 5
    assert Move("contact", replay_id="9").applied_to(moved).confirmed_ms == 5


def test_a_replay_id_is_replaced_or_forgotten() -> None:
    moved = Move("contact", replay_id="9").applied_to(START)
    assert Move("contact").applied_to(moved).replay_id == "9"
    assert Move("contact", forget_replay_id=True).applied_to(moved).replay_id is None


def test_what_is_due_begins_at_once_when_nothing_is_being_read() -> None:
    assert Move("contact", due_since_ms=7).applied_to(DONE).snapshot == Snapshot(state="pending", since_ms=7)


def test_what_is_due_waits_for_the_reading_at_hand() -> None:
    running = Snapshot(state="running", began_ms=50, job_id="750")
    position = DONE.model_copy(update={"snapshot": running})
    for moment in (9, 7, 8):
        position = Move("contact", due_since_ms=moment).applied_to(position)
    assert (position.snapshot, position.due_since_ms) == (running, 7)

    after = Move("contact", snapshot=running.model_copy(update={"state": "done"})).applied_to(position)
    assert (after.snapshot, after.due_since_ms) == (Snapshot(state="pending", since_ms=7), None)


def test_a_step_of_a_reading_that_was_replaced_meanwhile_is_not_taken() -> None:
    running = Snapshot(state="running", began_ms=50, job_id="750")
    position = Move("contact", snapshot=EVERYTHING_AGAIN).applied_to(DONE.model_copy(update={"snapshot": running}))
    late = Move("contact", snapshot=running.model_copy(update={"state": "done"}), snapshot_before=running)
    assert late.applied_to(position).snapshot == EVERYTHING_AGAIN


@pytest.mark.parametrize(
    ("pending", "expected"),
    [(PENDING, None), (EVERYTHING_AGAIN, None), (Snapshot(state="pending", since_ms=5), 5)],
)
def test_a_reading_that_has_not_begun_covers_what_is_due(pending: Snapshot, expected: int | None) -> None:
    position = Move("contact", due_since_ms=7).applied_to(DONE.model_copy(update={"snapshot": pending}))
    assert (position.snapshot.since_ms, position.due_since_ms) == (expected, None)
    assert position.snapshot.sweep == pending.sweep


@pytest.mark.parametrize(("since_ms", "confirms"), [(None, True), (DONE.confirmed_ms, True), (1_000_000_001, False)])
def test_a_reading_confirms_up_to_its_beginning_unless_it_leaves_a_gap(since_ms: int | None, confirms: bool) -> None:
    finished = Snapshot(state="done", since_ms=since_ms, began_ms=9_000_000_000)
    position = Move("contact", snapshot=finished).applied_to(DONE)
    assert position.confirmed_ms == (9_000_000_000 - OVERLAP_MS if confirms else DONE.confirmed_ms)


def test_a_sweep_is_due_from_the_end_of_its_reading_until_it_is_done() -> None:
    again = EVERYTHING_AGAIN.model_copy(update={"state": "done", "began_ms": 1})
    position = Move("contact", snapshot=again).applied_to(DONE)
    assert position.sweep_due
    assert Move("contact", confirmed_ms=2_000_000_000).applied_to(position).sweep_due
    assert not Move("contact", swept=True).applied_to(position).sweep_due


@given(
    dues=st.lists(st.integers(0, 100), min_size=1, max_size=6),
    steps=st.lists(st.sampled_from(["due", "begin", "finish"]), max_size=20),
)
def test_every_moment_that_became_due_is_covered_by_a_later_reading(dues: list[int], steps: list[str]) -> None:
    position, owed, covering = DONE, None, None
    moments = iter(dues)
    for step in [*steps, "begin", "finish", "begin", "finish"]:
        reading = position.snapshot
        if step == "due" and (moment := next(moments, None)) is not None:
            position = Move("contact", due_since_ms=moment).applied_to(position)
            owed = moment if owed is None else min(owed, moment)
        elif step == "begin" and reading.state == "pending":
            assert owed is None or (reading.since_ms is not None and reading.since_ms <= owed)
            owed, covering = None, reading
            position = Move("contact", snapshot=reading.model_copy(update={"state": "running"})).applied_to(position)
        elif step == "finish" and reading.state == "running":
            assert covering is not None
            position = Move("contact", snapshot=reading.model_copy(update={"state": "done"})).applied_to(position)
    assert owed is None
    assert position.snapshot.state == "done"
