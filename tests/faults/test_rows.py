"""Every row of the test plan that capture must survive: 20 seeds in `make faults`, one of some rows in `make test`.

`FAULT_SEEDS=5` plays so many, `FAULT_ROWS=F1,F31` only those rows. A failure names the seed and when its faults struck.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import chain

import pytest

from tests.faults import rows_of_many, rows_of_readings, rows_of_the_org, rows_of_the_workers
from tests.faults.lane import Site
from tests.faults.report import OUTCOMES
from tests.faults.runs import Outcome, Row, play

SEEDS = int(os.environ.get("FAULT_SEEDS", "0")) or 1
QUICK = "FAULT_SEEDS" not in os.environ
ONLY = frozenset(filter(None, os.environ.get("FAULT_ROWS", "").split(",")))

LANES = 2
"""Beside each other, two workers each, which mostly wait."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600 + 60 * SEEDS)]

ALONE = (*rows_of_the_workers.ROWS, *rows_of_many.ROWS)
IN_A_HURRY = frozenset({"F4", "F16"})
GROUPS = [tuple(row for row in ALONE if row.name in IN_A_HURRY)] if QUICK else [(row,) for row in ALONE]
"""`make test` has no time for sessions and transactions that time out."""


def wanted(rows: Sequence[Row]) -> list[Row]:
    found = [row for row in rows if not ONLY or row.name in ONLY]
    if not found:
        pytest.skip("none of these rows is wanted")
    return found


async def play_in_lanes(site: Site, rows: Sequence[Row]) -> None:
    runs = [(row, seed) for seed in range(1, SEEDS + 1) for row in rows]
    async with asyncio.TaskGroup() as tasks:
        lanes = [tasks.create_task(play(site, f"lane{n}", runs[n::LANES])) for n in range(min(LANES, len(runs)))]
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
