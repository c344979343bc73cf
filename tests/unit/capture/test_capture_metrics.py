"""What capture counts: states, lateness and budgets of all teams together, so that teams do not multiply the series."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from prometheus_client.samples import Sample

from schemas.events import ENTITIES
from tests.support.clock import SetClock
from tests.support.waiting import until
from workers.adapters.memory.salesforce import MemoryOrgs
from workers.adapters.memory.store import memory_store
from workers.capture.housekeeping import Housekeeping
from workers.capture.metrics import tell_channels
from workers.core.capture.channel_status import RETENTION_MS, ChannelStatus
from workers.core.capture.session_machine import Refusal

from .capture_rig import Rig, record_id

HOUR_MS = 3_600_000
NOW_MS = 1_772_280_000_000


def samples() -> Iterator[Sample]:
    for metric in REGISTRY.collect():
        if metric.name.startswith(("capture_", "salesforce_")):
            yield from metric.samples


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_channels_by_state_and_the_one_that_is_worst_off() -> None:
    tell_channels(
        [
            ChannelStatus("acme", "contact", "streaming", 0, confirmed_ms=NOW_MS - HOUR_MS, waiting=3),
            ChannelStatus("acme", "lead", "forbidden", 0, polling=True, confirmed_ms=NOW_MS - 60_000),
            ChannelStatus("globex", "lead", "streaming", 0, confirmed_ms=NOW_MS, waiting=4),
            ChannelStatus("globex", "account", "connecting", 0),
        ],
        NOW_MS,
    )
    states = ("streaming", "forbidden", "connecting", "parked")
    assert [value("capture_channels", state=state) for state in states] == [2, 1, 1, 0]
    assert value("capture_events_waiting") == 7
    assert value("capture_polled_channels") == 1
    assert value("capture_most_late_seconds") == 3600
    assert value("capture_polled_most_late_seconds") == 60
    assert value("capture_least_headroom_seconds") == RETENTION_MS / 1000 - 3600


def test_without_channels_nothing_is_late() -> None:
    tell_channels([], NOW_MS)
    assert value("capture_most_late_seconds") == 0
    assert value("capture_least_headroom_seconds") == RETENTION_MS / 1000


async def test_more_teams_make_no_more_series_and_no_team_is_named() -> None:
    rig = Rig(teams=("acme", "globex", "initech"))
    for team in rig.orgs.orgs:
        await rig.connect(team)
        for entity in ENTITIES:
            await rig.orgs.orgs[team].write(entity, [record_id(1)], {"LastName": "Name"}, "CREATE")
    rig.org.refused_channels = {"lead": Refusal("forbidden", "select Lead")}
    async with rig.running():
        await until(lambda: all(rig.imported(team) for team in rig.orgs.orgs))
        tell_channels(rig.capture.statuses(), NOW_MS)
        seen = list(samples())
    assert not [one for one in seen if set(one.labels.values()) & set(rig.orgs.orgs)]
    assert {name for one in seen for name in one.labels} <= {"state", "entity", "kind", "reason", "le"}


async def test_teams_whose_budget_is_used_up_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class UsedUp:
        has_news = False

        def background_calls_left(self) -> int | None:
            return 0

    orgs = MemoryOrgs()
    monkeypatch.setattr(orgs, "meters", lambda: [UsedUp(), UsedUp()])
    await Housekeeping(memory_store(), orgs, SetClock(1), list, list).round()
    assert value("capture_budgets_used_up") == 2


async def test_what_waits_for_a_commit_and_what_is_parked_is_in_the_status() -> None:
    rig = Rig()
    await rig.connect()
    async with rig.running():
        await until(rig.streaming)
        await rig.org.emit("contact", {"no": "header"})
        await until(lambda: (status := rig.status()) is not None and status.parked == 1)
        rig.topics.gate.clear()
        for number in (1, 2):
            await rig.org.write("contact", [record_id(number), record_id(9)], {"Title": "waits"})
        await until(lambda: (status := rig.status()) is not None and status.waiting == 4)
        rig.topics.gate.set()
        await until(lambda: (status := rig.status()) is not None and status.waiting == 0)
        status = rig.status("lead")
        assert status is not None
        assert (status.waiting, status.parked) == (0, 0)
