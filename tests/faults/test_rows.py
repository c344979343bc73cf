"""Every row of the test plan that capture must survive, with seeds: one in `make test`, 20 in `make faults`.

`FAULT_SEEDS=5` plays so many, `FAULT_ROWS=F1,F31` only those rows. A failure names the seed and when its faults struck.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import chain

import pytest

from tests.faults import rows_of_readings, rows_of_the_org, rows_of_the_workers
from tests.faults.lane import Site
from tests.faults.report import OUTCOMES
from tests.faults.runs import Outcome, Row, play

SEEDS = int(os.environ.get("FAULT_SEEDS", "1"))
ONLY = frozenset(filter(None, os.environ.get("FAULT_ROWS", "").split(",")))

LANES_OF_A_ROW = 4
LANES_AT_ONCE = 8
"""Two workers each, which mostly wait."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120 + 30 * SEEDS)]

ALONE = rows_of_the_workers.ROWS
GROUPS = [ALONE] if SEEDS == 1 else [(row,) for row in ALONE]
"""For a quick look all at once; where many seeds are played a report for each."""


def wanted(rows: Sequence[Row]) -> list[Row]:
    found = [row for row in rows if not ONLY or row.name in ONLY]
    if not found:
        pytest.skip("none of these rows is wanted")
    return found


async def play_in_lanes(site: Site, rows: Sequence[Row]) -> None:
    turn = asyncio.Semaphore(LANES_AT_ONCE)

    async def lane(row: Row, first: int) -> list[Outcome]:
        async with turn:
            return await play(site, row.name, [(row, seed) for seed in range(first, SEEDS + 1, LANES_OF_A_ROW)])

    async with asyncio.TaskGroup() as tasks:
        lanes = [
            tasks.create_task(lane(row, first)) for row in rows for first in range(1, min(SEEDS, LANES_OF_A_ROW) + 1)
        ]
    judge(list(chain.from_iterable(task.result() for task in lanes)))


def judge(outcomes: list[Outcome]) -> None:
    OUTCOMES.extend(outcomes)
    failed = [outcome for outcome in outcomes if outcome.violations]
    assert not failed, "\n".join(map(str, failed))


async def test_an_org_that_misbehaves(site: Site) -> None:
    rows = wanted([*rows_of_the_org.ROWS, *rows_of_readings.ROWS])
    judge(await play(site, "orgs", [(row, seed) for seed in range(1, SEEDS + 1) for row in rows]))


@pytest.mark.parametrize("rows", GROUPS, ids=lambda rows: "-".join(row.name for row in rows))
async def test_workers_and_networks_that_fail(site: Site, rows: Sequence[Row]) -> None:
    await play_in_lanes(site, wanted(rows))
