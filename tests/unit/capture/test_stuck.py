"""Connected, silent, and the org counts deliveries."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.waiting import until
from workers.adapters.memory.salesforce import MemoryOrg
from workers.capture.stream.stuck import DELIVERED, watch_progress
from workers.capture.stream.vitals import FIRST_LOOK_SECONDS, Vitals
from workers.core.budget import Allowance
from workers.ports import StreamEnded, Unavailable

from .capture_rig import QUICK


def used(org: MemoryOrg, count: int) -> None:
    org.limits = {DELIVERED: Allowance(10_000, 10_000 - count)}


async def looked(org: MemoryOrg, times: int = 3) -> None:
    since = len(org.calls)
    await until(lambda: len(org.calls) >= since + times)


async def test_deliveries_that_do_not_arrive_end_the_session_and_the_next_look_is_later() -> None:
    org, vitals = MemoryOrg(), Vitals(look_seconds=1.0)
    used(org, 5)
    watching = asyncio.create_task(watch_progress("acme", org, vitals, QUICK))
    await looked(org)
    assert not watching.done(), "nothing was delivered to anybody"
    used(org, 4)
    await looked(org)
    assert not watching.done(), "yesterday's deliveries leave the rolling day"
    used(org, 9)

    with pytest.raises(StreamEnded, match="counts 5 delivered events, of which none arrived") as ended:
        await watching
    assert ended.value.trouble == "stuck"
    assert vitals.look_seconds == 2.0


async def test_events_that_arrive_explain_the_count() -> None:
    org, vitals = MemoryOrg(), Vitals(look_seconds=1.0)
    used(org, 5)
    watching = asyncio.create_task(watch_progress("acme", org, vitals, QUICK))
    await looked(org)
    used(org, 9)
    vitals.arrived += 4
    await until(lambda: vitals.look_seconds == FIRST_LOOK_SECONDS)
    assert not watching.done()
    watching.cancel()


@pytest.mark.parametrize("failure", [Unavailable("503"), None])
async def test_an_org_that_does_not_tell_proves_nothing(failure: Exception | None) -> None:
    org, vitals = MemoryOrg(), Vitals(look_seconds=1.0)
    org.limits = None
    org.failures["allowances"] = [failure] if failure else []
    watching = asyncio.create_task(watch_progress("acme", org, vitals, QUICK))
    await looked(org)
    used(org, 9)
    await looked(org)
    assert not watching.done()
    watching.cancel()
