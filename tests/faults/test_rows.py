"""Every row of the test plan that capture must survive: 20 seeds in `make faults`, one of most rows in `make test`.

`FAULT_SEEDS=5` plays so many, `FAULT_ROWS=F1,F31` only those rows. A failure names the seed and when its faults struck.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.faults import rows_of_many, rows_of_readings, rows_of_the_org, rows_of_the_workers, rows_of_tokens
from tests.faults.lane import Site
from tests.faults.report import OUTCOMES
from tests.faults.stage import play_all

SEEDS = int(os.environ.get("FAULT_SEEDS", "0")) or 1
QUICK = "FAULT_SEEDS" not in os.environ
ONLY = frozenset(filter(None, os.environ.get("FAULT_ROWS", "").split(",")))

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600 + 180 * SEEDS)]

ROWS = (
    *rows_of_the_workers.ROWS,
    *rows_of_tokens.ROWS,
    *rows_of_many.ROWS,
    *rows_of_the_org.ROWS,
    *rows_of_readings.ROWS,
)
NOT_IN_A_HURRY = frozenset({"F6", "F8", "F15", "F36", "F43", "F44"})


async def test_every_row(site: Site, tell: Callable[[str], None]) -> None:
    rows = [row for row in ROWS if (row.name in ONLY if ONLY else not (QUICK and row.name in NOT_IN_A_HURRY))]
    if not rows:
        pytest.skip("none of these rows is wanted")
    outcomes = await play_all(site, "rows", [(row, seed) for seed in range(1, SEEDS + 1) for row in rows], tell=tell)
    OUTCOMES.extend(outcomes)
    failed = [outcome for outcome in outcomes if outcome.violations]
    assert not failed, "\n".join(map(str, failed))
