"""When to look at a job again."""

from __future__ import annotations

import pytest

from workers.core.writeback import expected_pause


def test_the_first_look_is_when_the_job_may_be_done() -> None:
    assert expected_pause(50_000, 0, 0.0, 0.0) == pytest.approx(2.5)


def test_looks_grow_rare_while_a_job_tells_of_no_progress() -> None:
    assert expected_pause(50_000, 0, 3.0, 2.0) == pytest.approx(3.2)


def test_the_next_look_is_when_the_rest_is_expected_to_be_done() -> None:
    assert expected_pause(50_000, 25_000, 2.0, 2.0) == pytest.approx(2.1)
    assert expected_pause(50_000, 40_000, 4.0, 2.0) == pytest.approx(1.05)


def test_the_first_rows_of_a_job_tell_little_of_its_end() -> None:
    assert expected_pause(50_000, 10, 3.0, 2.0) == pytest.approx(6.0)


def test_a_job_that_has_worked_on_all_rows_and_has_not_ended_is_looked_at_ever_less() -> None:
    assert expected_pause(10, 10, 1.0, 0.5) == pytest.approx(0.8)
