"""F40: our own writes, heard again, lead to nothing. 20 seeds in `make faults`, two in `make test`."""

from __future__ import annotations

import pytest

from sandbox.org.automation.specs import Automation
from sandbox.org.config import OrgConfig
from sandbox.org.server import serve
from tests.faults.test_rows import ONLY, QUICK, SEEDS
from tests.faults.writeback.echo import HOT_ABOVE, Echo
from tests.faults.writeback.oracle import SCORE
from tests.integration.insights.org_rig import connected

pytestmark = pytest.mark.timeout(120)


@pytest.mark.skipif(bool(ONLY) and "F40" not in ONLY, reason="this row is not wanted")
@pytest.mark.parametrize("seed", range(1, (2 if QUICK else SEEDS) + 1))
async def test_our_own_writes_come_back_and_nothing_follows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.insights.claim.SILENCE_MS", 0)
    monkeypatch.setattr("workers.insights.worker.ENDED_LOOK_SECONDS", 0.001)
    if seed % 2:
        monkeypatch.setattr("workers.core.writeback.parts.JOB_CALLS", 0)  # all by jobs
    async with (
        await serve(OrgConfig(contacts=24, leads=10, accounts=6, seed=seed)) as sandbox,
        connected(sandbox) as rig,
    ):
        hot = Automation("Contact", {"Department": "'Hot'"}, condition=f"{SCORE} > {HOT_ABOVE}")
        rig.sandbox.org.rules.rulebook.add_automation(hot)
        echo = Echo(rig, seed, monkeypatch)
        assert await echo.play() == []
        assert echo.mortality.deaths
        assert echo.echoes
