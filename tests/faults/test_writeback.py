"""Write-back under faults: 20 seeds a row in `make faults`, two in `make test`. Odd ones go by jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.orgs import OrgProcess, org_process
from tests.faults.test_rows import ONLY, QUICK, SEEDS
from tests.faults.writeback.rig import opened
from tests.faults.writeback.rows import ROWS, Row

AT_ONCE = 3
"""They mostly wait."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300 + 60 * SEEDS)]


@pytest.fixture
async def orgs(tmp_path: Path) -> AsyncIterator[OrgProcess]:
    async with org_process(tmp_path / "orgs.log") as process:
        yield process


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_every_row_arrives_effectively_once(row: Row, orgs: OrgProcess, mongodb_uri: str, tmp_path: Path) -> None:
    if ONLY and row.name not in ONLY:
        pytest.skip("this row is not wanted")
    turns = asyncio.Semaphore(AT_ONCE)

    async def played(seed: int) -> str | None:
        async with (
            turns,
            opened(
                *(orgs, mongodb_uri, tmp_path, f"{row.name}:{seed}"),
                jobs=seed % 2 == 1,
                runners=row.runners,
            ) as rig,
        ):
            await row.play(rig)
            await rig.finish()
            found = await rig.verdict()
            return f"{row.name} seed {seed}: {' | '.join(found)} {rig.faults}" if found else None

    seeds = range(1, (2 if QUICK else SEEDS) + 1)
    verdicts = await asyncio.gather(*(played(seed) for seed in seeds))
    assert not any(verdicts), "\n".join(filter(None, verdicts))
