"""Bugs that others have had are caught by the oracles, each by the row that is made for it."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults import rows_of_the_org, rows_of_the_workers
from tests.faults.lane import Site
from tests.faults.planted import BUGS
from tests.faults.runs import play

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

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

SEEDS = 4
"""Tried until one catches the bug: not every fault meets it."""


async def catching_seed(site: Site, number: int, bug: str) -> int | None:
    row, oracle = CAUGHT_BY[bug]
    for seed in range(1, SEEDS + 1):
        label = f"bug{number}-{seed}"
        outcomes = await play(site, label, [(ROWS[row], seed)], bugs=(bug,), patience_seconds=PATIENCE_SECONDS)
        if any(violation.startswith(oracle) for outcome in outcomes for violation in outcome.violations):
            return seed
    return None


async def test_every_planted_bug_is_caught(site: Site) -> None:
    assert CAUGHT_BY.keys() == BUGS.keys()
    async with asyncio.TaskGroup() as tasks:
        playing = {bug: tasks.create_task(catching_seed(site, number, bug)) for number, bug in enumerate(BUGS)}
    caught = {bug: task.result() for bug, task in playing.items()}
    assert None not in caught.values(), caught
