"""Bugs that others have had are caught by the oracles, each by the row that is made for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.faults import rows_of_the_org, rows_of_the_workers
from tests.faults.lane import Site
from tests.faults.planted import BUGS
from tests.faults.report import FIGURES
from tests.faults.stage import play_all

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

ROWS = {row.name: row for row in (*rows_of_the_org.ROWS, *rows_of_the_workers.ROWS)}
QUICK = "FAULT_SEEDS" not in os.environ
SEEDS = range(1, 9)
"""Not every fault meets a bug: a worker may well be killed or frozen where it does no harm."""

PATIENCE_SECONDS = 8.0
"""What such a bug loses does not come later."""


@dataclass(frozen=True, slots=True)
class Trap:
    row: str
    oracle: str
    in_a_hurry: tuple[int, ...] = (1,)
    """Seeds whose fault meets the bug: before the first send (F2), between the two halves of an append (F1p)."""

    def attempts(self) -> list[tuple[int, ...]]:
        """Seeds to be played together; in a hurry the next ones only if these have caught nothing."""
        if not QUICK:
            return [tuple(SEEDS)]
        return [self.in_a_hurry, tuple(seed for seed in SEEDS if seed not in self.in_a_hurry)]


TRAPS = {
    "commit before the futures": Trap("F5", "O1"),
    "-1 on a bad replay id": Trap("F31", "O1"),
    "no fencing": Trap("F2", "O2", (5, 8)),
    "checkpoint ahead of data": Trap("F1p", "O1", (1, 7)),
    "ignored refused re-subscribe": Trap("F31", "O1"),
}


async def catching_seeds(site: Site, number: int, bug: str, seeds: Sequence[int]) -> list[int]:
    trap = TRAPS[bug]
    runs = [(ROWS[trap.row], seed) for seed in seeds]
    outcomes = await play_all(site, f"bug{number}", runs, bugs=(bug,), lanes=2, patience_seconds=PATIENCE_SECONDS)
    caught = [one.seed for one in outcomes if any(found.startswith(trap.oracle) for found in one.violations)]
    FIGURES.append(f"planted, {bug}: caught by {trap.oracle} in {trap.row} with {caught} of seeds {[*seeds]}")
    return caught


async def is_caught(site: Site, number: int, bug: str) -> bool:
    for seeds in TRAPS[bug].attempts():
        if await catching_seeds(site, number, bug, seeds):
            return True
    return False


async def test_every_planted_bug_is_caught(site: Site) -> None:
    assert TRAPS.keys() == BUGS.keys()
    async with asyncio.TaskGroup() as tasks:
        hunts = {bug: tasks.create_task(is_caught(site, number, bug)) for number, bug in enumerate(BUGS)}
    missed = [bug for bug, hunt in hunts.items() if not hunt.result()]
    assert not missed, missed
