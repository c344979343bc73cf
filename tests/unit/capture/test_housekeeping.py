"""What a capture process does once a minute for all of its teams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from schemas.documents import CaptureStatus, Connection
from tests.support.clock import SetClock
from workers.adapters.memory.salesforce import MemoryOrg, MemoryOrgs
from workers.adapters.memory.store import memory_store
from workers.capture.housekeeping import CHECK_MS, CHECKS_PER_ROUND, PROGRESS_MS, Housekeeping
from workers.core.capture.channel_status import TOLD_EVERY_MS, ChannelStatus
from workers.ports import Refused, Store, Unavailable

STREAMING = ChannelStatus("acme", "contact", "streaming", since_ms=1, confirmed_ms=10)


def connection(team: str) -> Connection:
    return Connection(
        team=team,
        org_id="00D000000000001",
        instance_url="https://acme.my.salesforce.com",
        login_url="https://login.salesforce.com",
        client_id="c",
        grant="client_credentials",
        secret="s",
        connected_at_ms=1,
    )


@dataclass
class Rig:
    teams: Sequence[str] = ("acme",)
    store: Store = field(default_factory=memory_store)
    clock: SetClock = field(default_factory=lambda: SetClock(CHECK_MS))
    statuses: list[ChannelStatus] = field(default_factory=lambda: [STREAMING])
    orgs: MemoryOrgs = field(init=False)

    def __post_init__(self) -> None:
        self.orgs = MemoryOrgs({team: MemoryOrg() for team in self.teams})

    def housekeeping(self) -> Housekeeping:
        connections = [connection(team) for team in self.teams]
        return Housekeeping(self.store, self.orgs, self.clock, lambda: connections, lambda: self.statuses)

    async def kept(self, team: str = "acme") -> CaptureStatus:
        return (await self.store.capture_status.load([(team, team)]))[team, team]


async def test_a_changed_state_is_told_at_once() -> None:
    rig = Rig()
    keeping = rig.housekeeping()
    await keeping.round()
    rig.statuses = [replace(STREAMING, state="forbidden", reason="not selected", polling=True)]
    rig.clock.now += 1
    await keeping.round()
    told = (await rig.kept()).channels["contact"]
    assert (told.state, told.reason, told.polling) == ("forbidden", "not selected", True)


async def test_moments_alone_are_told_rarely() -> None:
    rig = Rig()
    keeping = rig.housekeeping()
    await keeping.round()
    rig.statuses = [replace(STREAMING, confirmed_ms=99)]
    rig.clock.now += PROGRESS_MS - 1
    await keeping.round()
    assert (await rig.kept()).channels["contact"].confirmed_ms == 10
    rig.clock.now += 1
    await keeping.round()
    assert (await rig.kept()).channels["contact"].confirmed_ms == 99


async def test_an_event_that_comes_is_told_in_the_next_round() -> None:
    rig = Rig()
    keeping = rig.housekeeping()
    await keeping.round()
    rig.statuses = [replace(STREAMING, lag_ms=700)]
    rig.clock.now += 1
    await keeping.round()
    assert (await rig.kept()).channels["contact"].lag_ms == 700


async def test_how_late_a_polled_channel_is_is_told_in_every_round() -> None:
    rig = Rig()
    rig.statuses = [replace(STREAMING, state="forbidden", polling=True)]
    keeping = rig.housekeeping()
    await keeping.round()
    rig.statuses = [replace(rig.statuses[0], confirmed_ms=99)]
    rig.clock.now += 1
    await keeping.round()
    assert (await rig.kept()).channels["contact"].confirmed_ms == 99


async def test_a_worker_gives_a_sign_of_life_also_when_nothing_changes() -> None:
    rig = Rig()
    keeping = rig.housekeeping()
    await keeping.round()
    rig.clock.now += TOLD_EVERY_MS
    await keeping.round()
    assert (await rig.kept()).updated_at_ms == rig.clock.now


async def test_what_has_not_changed_is_not_written() -> None:
    rig = Rig()
    keeping = rig.housekeeping()
    await keeping.round()
    rig.clock.now += PROGRESS_MS
    before = await rig.kept()
    await keeping.round()
    assert await rig.kept() == before


async def test_a_connection_is_checked_once_a_day_whatever_process_does_it() -> None:
    rig = Rig()
    await rig.housekeeping().round()
    first = (await rig.kept()).checked_at_ms
    rig.clock.now += CHECK_MS - 1
    await rig.housekeeping().round()
    assert (await rig.kept()).checked_at_ms == first
    rig.clock.now += 1
    await rig.housekeeping().round()
    assert (await rig.kept()).checked_at_ms == rig.clock.now


async def test_checks_do_not_forget_the_channels() -> None:
    rig = Rig()
    await rig.housekeeping().round()
    kept = await rig.kept()
    assert kept.channels
    assert kept.checks


async def test_many_teams_are_checked_over_several_rounds() -> None:
    rig = Rig(teams=[f"team-{n}" for n in range(CHECKS_PER_ROUND + 1)], statuses=[])
    keeping = rig.housekeeping()
    await keeping.round()
    assert len(await rig.store.capture_status.load([(t, t) for t in rig.teams])) == CHECKS_PER_ROUND
    await keeping.round()
    assert len(await rig.store.capture_status.load([(t, t) for t in rig.teams])) == CHECKS_PER_ROUND + 1


@pytest.mark.parametrize("error", [Unavailable("down"), Refused("API_DISABLED_FOR_ORG")])
async def test_an_org_that_does_not_answer_keeps_no_other_from_being_checked(error: Exception) -> None:
    rig = Rig(teams=["acme", "globex"])
    rig.orgs.orgs["acme"].failures["allowances"] = [error]
    await rig.housekeeping().round()
    assert (await rig.kept("globex")).checks
