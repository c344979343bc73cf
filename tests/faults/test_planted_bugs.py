"""Bugs that others have had are caught by the oracles, each by the row that is made for it."""

from __future__ import annotations

import os

import pytest

from tests.faults import rows_of_the_org, rows_of_the_workers
from tests.faults.lane import Site
from tests.faults.planted import BUGS
from tests.faults.runs import CONNECT_SECONDS, Row, Run, play
from tests.support.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def a_worker_dies_by_itself(run: Run) -> None:
    await run.lane.connect(run.team, run.org)
    async with run.editing(5.0):
        await until(lambda: not all(worker.alive for worker in run.lane.workers), CONNECT_SECONDS)
        run.note("killed between positions and changes")
        for worker in run.lane.workers:
            worker.start()


DIES = Row("dies", "a worker dies where the bug is", a_worker_dies_by_itself, alone=True, connects=False)
ROWS = {row.name: row for row in (*rows_of_the_org.ROWS, *rows_of_the_workers.ROWS, DIES)}

CAUGHT_BY = {
    "commit before the futures": ("F5", "O1"),
    "-1 on a bad replay id": ("F31", "O1"),
    "no fencing": ("F2", "O2"),
    "checkpoint ahead of data": ("dies", "O1"),
    "ignored refused re-subscribe": ("F31", "O1"),
}

PATIENCE_SECONDS = 8.0
"""What such a bug loses does not come later."""

IN_A_HURRY = frozenset({"commit before the futures", "-1 on a bad replay id", "ignored refused re-subscribe"})
"""The others need a session that times out."""

SEEDS = 3
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
    bugs = BUGS if "FAULT_SEEDS" in os.environ else IN_A_HURRY
    caught = {bug: await catching_seed(site, number, bug) for number, bug in enumerate(bugs)}
    assert None not in caught.values(), caught
