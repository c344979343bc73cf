"""aiosfstream-ng as it comes from its registry, no class of its client derived: what it received against the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.client import Client
from aiosfstream_ng.exceptions import ServerError
from aiosfstream_ng.replay import ReplayMarker, ReplayOption

from sandbox.org.config import OrgConfig
from sandbox.org.faults.plan import FaultSpec
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve

CONTACTS, ALL = "/data/ContactChangeEvent", "/data/ChangeEvents"
PATIENCE_SECONDS = 20


class GivenToken(AuthenticatorBase):
    """The library's own authenticators speak to login.salesforce.com only."""

    def __init__(self, org: RunningOrg) -> None:
        super().__init__()
        self._org = org

    async def _authenticate(self) -> tuple[int, dict[str, str]]:
        token = self._org.tokens.issue(self._org.org.admin_user_id)
        return 200, {"access_token": token, "token_type": "Bearer", "instance_url": self._org.base_url}


@pytest.fixture
async def org(caplog: pytest.LogCaptureFixture) -> AsyncIterator[RunningOrg]:
    # The library logs an error on every close.
    caplog.set_level(logging.CRITICAL, logger="aiocometd_ng")
    async with await serve(OrgConfig(connect_timeout_seconds=1, reconnect_window_seconds=10)) as running:
        yield running


def client(org: RunningOrg, replay: Any = ReplayOption.NEW_EVENTS) -> Client:
    # 0: the code behind any other timeout fails on Python 3.10 and later.
    return Client(GivenToken(org), replay=replay, connection_timeout=0)


def create(org: RunningOrg, *names: str) -> None:
    writes = [Write("create", "Contact", None, {"LastName": name}) for name in names]
    org.org.commit(writes, Actor(org.org.admin_user_id, "rest"))


def announced(org: RunningOrg) -> list[tuple[int, str]]:
    return [(entry.replay_id, entry.record_id) for entry in org.org.ledger.after(0) if entry.replay_id]


async def received(one: Client, count: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < count:
            data = (await one.receive())["data"]
            header = data["payload"]["ChangeEventHeader"]
            found += [(data["event"]["replayId"], record_id) for record_id in header["recordIds"]]
    return found


async def test_it_gets_what_is_retained_and_what_comes(org: RunningOrg) -> None:
    create(org, "A", "B")
    async with client(org, ReplayOption.ALL_EVENTS) as one:
        await one.subscribe(ALL)
        assert await received(one, 2) == announced(org)
        create(org, "C")
        assert await received(one, 1) == announced(org)[2:]


async def test_its_own_replay_storage_bridges_two_connections(org: RunningOrg) -> None:
    storage: dict[str, Any] = {}
    async with client(org, storage) as one:
        await one.subscribe(CONTACTS)
        create(org, "A")
        assert await received(one, 1) == announced(org)
    create(org, "While away")
    async with client(org, storage) as one:
        await one.subscribe(CONTACTS)
        assert await received(one, 1) == announced(org)[1:]


@pytest.mark.parametrize(
    "fault",
    [FaultSpec("bayeux-error", settings={"name": "unknown-client"}), FaultSpec("reset", where={"path": "/cometd"})],
    ids=lambda fault: fault.kind,
)
async def test_it_loses_nothing_over_a_fault(org: RunningOrg, fault: FaultSpec) -> None:
    async with client(org, {}) as one:
        await one.subscribe(CONTACTS)
        create(org, "Before")
        seen = await received(one, 1)
        org.org.plan(fault)
        org.cometd_sessions.wake_all()
        create(org, "During")
        seen += await received(one, 1)
        create(org, "After")
        seen += await received(one, 1)
    assert seen == announced(org)
    assert org.org.ledger.faults == {fault.kind: 1}


async def test_an_expired_replay_id_reaches_the_caller(org: RunningOrg) -> None:
    create(org, "A")
    tip = org.org.events.tip
    org.org.migrate()
    one = client(org, {CONTACTS: ReplayMarker(date="", replay_id=tip)})
    async with one:
        with pytest.raises(ServerError, match="400::The replayId"):
            await one.subscribe(CONTACTS)
