"""Bugs that others have had are caught by the oracles, each by the row that is made for it."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.faults import rows_of_the_org, rows_of_the_workers
from tests.faults.lane import Site
from tests.faults.planted import BUGS
from tests.faults.report import FIGURES
from tests.faults.stage import play_all

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

ROWS = {row.name: row for row in (*rows_of_the_org.ROWS, *rows_of_the_workers.ROWS)}

CAUGHT_BY = {
    "commit before the futures": ("F5", "O1"),
    "-1 on a bad replay id": ("F31", "O1"),
    "no fencing": ("F2", "O2"),
    "checkpoint ahead of data": ("F1p", "O1"),
    "ignored refused re-subscribe": ("F31", "O1"),
}

PATIENCE_SECONDS = 8.0
"""What such a bug loses does not come later."""

SEEDS = (int(os.environ.get("FAULT_SEEDS", "0")) and 6) or 4
"""Beside each other. Not every fault meets a bug: a worker may well be killed where it does no harm."""


async def catching_seeds(site: Site, number: int, bug: str) -> list[int]:
    row, oracle = CAUGHT_BY[bug]
    runs = [(ROWS[row], seed) for seed in range(1, SEEDS + 1)]
    outcomes = await play_all(site, f"bug{number}", runs, bugs=(bug,), lanes=2, patience_seconds=PATIENCE_SECONDS)
    return [one.seed for one in outcomes if any(found.startswith(oracle) for found in one.violations)]


async def test_every_planted_bug_is_caught(site: Site) -> None:
    assert CAUGHT_BY.keys() == BUGS.keys()
    async with asyncio.TaskGroup() as tasks:
        catching = {bug: tasks.create_task(catching_seeds(site, n, bug)) for n, bug in enumerate(BUGS)}
    caught = {bug: task.result() for bug, task in catching.items()}
    for bug, seeds in caught.items():
        row, oracle = CAUGHT_BY[bug]
        FIGURES.append(f"planted, {bug}: caught by {oracle} in {row} with {len(seeds)} of {SEEDS} seeds")
    assert all(caught.values()), caught
