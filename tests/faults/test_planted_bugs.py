"""Bugs that others have had are caught by the oracles, each by the row that is made for it."""

from __future__ import annotations

import asyncio
import os
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


TRAPS = {
    "commit before the futures": Trap("F5", "O1"),
    "-1 on a bad replay id": Trap("F31", "O1"),
    "no fencing": Trap("F2", "O2", (5, 8)),
    "checkpoint ahead of data": Trap("F1p", "O1", (1, 7)),
    "ignored refused re-subscribe": Trap("F31", "O1"),
}


async def catching_seeds(site: Site, number: int, bug: str) -> str:
    trap = TRAPS[bug]
    seeds = trap.in_a_hurry if QUICK else SEEDS
    runs = [(ROWS[trap.row], seed) for seed in seeds]
    outcomes = await play_all(site, f"bug{number}", runs, bugs=(bug,), lanes=2, patience_seconds=PATIENCE_SECONDS)
    caught = [one.seed for one in outcomes if any(found.startswith(trap.oracle) for found in one.violations)]
    FIGURES.append(f"planted, {bug}: caught by {trap.oracle} in {trap.row} with {caught} of seeds {[*seeds]}")
    return "" if caught else f"{bug} is not caught"


async def test_every_planted_bug_is_caught(site: Site) -> None:
    assert TRAPS.keys() == BUGS.keys()
    async with asyncio.TaskGroup() as tasks:
        catching = [tasks.create_task(catching_seeds(site, number, bug)) for number, bug in enumerate(BUGS)]
    missed = [missed for task in catching if (missed := task.result())]
    assert not missed, missed
