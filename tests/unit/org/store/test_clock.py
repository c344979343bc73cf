"""The org's clock, and allocations that roll with it."""

from __future__ import annotations

import pytest

from sandbox.org.limits.rolling import DAY_SECONDS, RollingCount
from sandbox.org.store.clock import OrgClock


class Machine:
    """A machine's clock that only a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> OrgClock:
    return OrgClock(machine)


def test_a_new_clock_is_the_machines(clock: OrgClock, machine: Machine) -> None:
    machine.seconds += 5
    assert (clock(), clock.offset_seconds, clock.rate) == (machine.seconds, 0, 1)


def test_an_offset_is_against_the_machine(clock: OrgClock, machine: Machine) -> None:
    clock.offset_seconds = 3600
    clock.offset_seconds = 60
    machine.seconds += 5
    assert clock() == machine.seconds + 60


def test_a_faster_clock_goes_on_from_where_it_was(clock: OrgClock, machine: Machine) -> None:
    clock.advance(100)
    clock.rate = 60
    machine.seconds += 10
    assert clock.offset_seconds == 100 + 10 * 59
    clock.rate = 1
    machine.seconds += 10
    assert clock.offset_seconds == 100 + 10 * 59


def test_a_stopped_clock_can_still_travel(clock: OrgClock, machine: Machine) -> None:
    clock.rate = 0
    clock.travel(2_000_000_000)
    machine.seconds += 10
    assert clock() == 2_000_000_000


def test_a_clock_does_not_run_backwards(clock: OrgClock) -> None:
    with pytest.raises(ValueError, match="backwards"):
        clock.rate = -1


def test_what_was_used_is_free_again_a_day_later(clock: OrgClock) -> None:
    used = RollingCount(clock)
    used.add(3)
    clock.advance(DAY_SECONDS / 2)
    used.add(4)
    assert used.total == 7
    clock.advance(DAY_SECONDS / 2)
    assert used.total == 4
    clock.advance(DAY_SECONDS / 2)
    assert used.total == 0


def test_turning_the_clock_back_keeps_what_was_used(clock: OrgClock) -> None:
    used = RollingCount(clock)
    used.add(3)
    clock.advance(365 * DAY_SECONDS)
    used.add(4)
    clock.advance(-364 * DAY_SECONDS)
    used.add(1)
    assert used.total == 5
    clock.advance(DAY_SECONDS)
    assert used.total == 0
