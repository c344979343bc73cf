"""The use of an org's allowance: counted in memory, added up over processes and days."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from schemas.documents import ApiUsage
from tests.support.clock import SetClock
from workers.adapters.memory.store import memory_store
from workers.core.budget import Shares
from workers.ports import Documents, Unavailable
from workers.runtime.usage import UsageMeter, flush

NOON_MS = 1_772_280_000_000  # 2026-02-28T12:00:00Z
DAY = ("acme", "2026-02-28")


def meter(clock: SetClock) -> UsageMeter:
    return UsageMeter("acme", clock, Shares(ours=0.5, reserve=0.1))


@pytest.fixture
def days() -> Documents[ApiUsage]:
    return memory_store().api_usage


async def test_two_processes_add_to_the_same_day(days: Documents[ApiUsage]) -> None:
    one, other = meter(SetClock(NOON_MS)), meter(SetClock(NOON_MS))
    for _ in range(3):
        one.called("rest", "api-usage=7/1000")
    other.called("bulk_query", None)
    await flush([one, other], days)
    stored = (await days.load([DAY]))[DAY]
    assert stored.calls == {"rest": 3, "bulk_query": 1}
    assert (stored.allowed, stored.remaining) == (1000, 993)


async def test_what_another_process_took_counts_against_the_share(days: Documents[ApiUsage]) -> None:
    one, other = meter(SetClock(NOON_MS)), meter(SetClock(NOON_MS))
    for _ in range(450):
        other.called("rest", None)
    one.called("rest", "api-usage=451/1000")
    await flush([other, one], days)
    assert one.background_calls_left() == 500 - 451


async def test_events_and_tokens_are_no_calls() -> None:
    counted = meter(SetClock(NOON_MS))
    counted.called("rest", "api-usage=1/1000")
    counted.delivered(400, own=3)
    counted.granted()
    assert counted.background_calls_left() == 499


async def test_a_new_day_begins_with_nothing_taken(days: Documents[ApiUsage]) -> None:
    clock = SetClock(NOON_MS)
    counted = meter(clock)
    for _ in range(500):
        counted.called("rest", "api-usage=500/1000")
    await counted.flush(days)
    assert counted.background_calls_left() == 0
    clock.now = NOON_MS + 86_400_000
    assert counted.background_calls_left() == 400


class LosesOnce:
    """Another process writes between load and swap."""

    def __init__(self, days: Documents[ApiUsage], between: UsageMeter) -> None:
        self._days = days
        self._between: UsageMeter | None = between
        self.load = days.load
        self.scan = days.scan

    async def swap(self, documents: Sequence[ApiUsage]) -> list[ApiUsage]:
        if self._between is not None:
            between, self._between = self._between, None
            await between.flush(self._days)
        return await self._days.swap(documents)


async def test_a_lost_race_adds_once(days: Documents[ApiUsage]) -> None:
    one, other = meter(SetClock(NOON_MS)), meter(SetClock(NOON_MS))
    one.called("rest", None)
    other.called("rest", None)
    await one.flush(LosesOnce(days, other))
    assert (await days.load([DAY]))[DAY].calls == {"rest": 2}
    assert not one.has_news


class Down:
    def __init__(self, days: Documents[ApiUsage]) -> None:
        self.load = days.load
        self.scan = days.scan

    async def swap(self, documents: Sequence[ApiUsage]) -> list[ApiUsage]:
        raise Unavailable("MongoDB does not answer")


async def test_nothing_is_forgotten_when_the_store_is_down(days: Documents[ApiUsage]) -> None:
    counted = meter(SetClock(NOON_MS))
    counted.called("rest", None)
    with pytest.raises(Unavailable):
        await counted.flush(Down(days))
    await counted.flush(days)
    assert (await days.load([DAY]))[DAY].calls == {"rest": 1}
