"""Many that begin at once are spread."""

from __future__ import annotations

import asyncio

import pytest

from workers.runtime.pacing import Pacing


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses asked for, none of which is made: all turns are asked for at the same moment."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return pauses


async def test_a_burst_is_free_and_the_rest_waits_in_line(slept: list[float]) -> None:
    pacing = Pacing(rate=20, burst=20)
    for _ in range(2000):
        await pacing.turn()

    assert len(slept) == pytest.approx(1980, abs=5)
    assert slept == sorted(slept)
    assert slept[-1] == pytest.approx(99, abs=0.5)


async def test_what_was_not_used_is_not_saved_up_beyond_a_burst(slept: list[float]) -> None:
    pacing = Pacing(rate=1, burst=3)
    pacing._free_at_seconds = asyncio.get_running_loop().time() - 1000
    for _ in range(5):
        await pacing.turn()

    assert [round(pause) for pause in slept] == [1, 2]
