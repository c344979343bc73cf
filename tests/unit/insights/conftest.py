from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from .insights_rig import Rig


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("workers.insights.sending.next_part.ROUND_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("workers.insights.sending.calls.PAUSE_SECONDS", 0.0)
    for name in ("SHORTEST_POLL_SECONDS", "LONGEST_POLL_SECONDS", "FAILURE_PAUSE_SECONDS"):
        monkeypatch.setattr(f"workers.insights.sending.job.{name}", 0.0)
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def by_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows there are."""
    for module in ("workers.insights.sending.next_part", "workers.core.writeback.parts"):
        monkeypatch.setattr(f"{module}.by_calls", lambda rows, number: False)


@pytest.fixture
async def rig() -> Rig:
    rig = Rig()
    await rig.connect()
    return rig
