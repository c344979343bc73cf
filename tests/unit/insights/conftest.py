from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from .insights_rig import Rig


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("workers.insights.run.POLL_SECONDS", (0.0,) * 5)
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
async def rig() -> Rig:
    rig = Rig()
    await rig.connect()
    return rig
