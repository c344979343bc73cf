"""Sessions against a simulated org on the wire: whatever it answers, every change arrives, and channels come back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from prometheus_client import generate_latest

from sandbox.org.config import OrgConfig
from sandbox.org.faults.bayeux_errors import BAYEUX_ERRORS
from sandbox.org.faults.plan import FaultSpec
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve
from schemas.documents import Connection
from schemas.events import Change, Entity
from tests.support.waiting import until
from workers.adapters.memory.changelog import MemoryTopics
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce import cometd
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.core.capture.channel_status import ChannelStatus
from workers.runtime.logs import configure_logs
from workers.runtime.process import SystemClock

QUICK = Pace(
    connections_seconds=0.02,
    backoff_base_seconds=0.01,
    backoff_cap_seconds=0.1,
    query_poll_seconds=0.02,
    scale=0.0003,
)


@dataclass
class Team:
    sandbox: RunningOrg
    capture: Capture
    topics: MemoryTopics
    written: int = 0

    @asynccontextmanager
    async def capturing(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        running = asyncio.create_task(self.capture.run(stop))
        try:
            yield
        finally:
            stop.set()
            await running

    def edit(self, entity: str = "Contact") -> str:
        """Change the first record; its new text."""
        self.written += 1
        text = f"edit {self.written}"
        record_id = str(next(iter(self.sandbox.org.rows(entity)))["Id"])
        write = Write("update", entity, record_id, {"Description": text})
        (result,) = self.sandbox.org.commit([write], Actor(self.sandbox.org.admin_user_id, "rest", None))
        assert result.success, result
        return text

    def carrying(self, text: str) -> list[Change]:
        return [change for change in self.topics.changes if change.fields.get("Description") == text]

    def status(self, entity: Entity = "contact") -> ChannelStatus | None:
        return next((status for status in self.capture.statuses() if status.entity == entity), None)

    def streams(self) -> bool:
        statuses = list(self.capture.statuses())
        read = [
            position.snapshot.state == "done" for shard in self.topics.positions.values() for position in shard.values()
        ]
        return len(read) == 3 and all(read) and all(status.state == "streaming" for status in statuses)

    def reconnects(self) -> int:
        status = self.status()
        return status.reconnects if status else 0

    def state(self, entity: Entity = "contact") -> str:
        status = self.status(entity)
        return status.state if status else ""


@asynccontextmanager
async def connected(**settings: Any) -> AsyncIterator[Team]:
    sandbox = await serve(OrgConfig(connect_timeout_seconds=1, contacts=3, leads=2, accounts=2, **settings))
    session, config, clock = open_session(), sandbox.org.config, SystemClock()
    authorization = await client_credentials(
        session,
        sandbox.base_url,
        client_id=config.client_id,
        client_secret=config.client_secret,
        allow_insecure_loopback=True,
    )
    store, cipher, topics = memory_store(), TokenCipher([generate_key()]), MemoryTopics()
    connection = Connection(
        team="acme",
        org_id=authorization.org_id,
        instance_url=authorization.instance_url,
        login_url=sandbox.base_url,
        client_id=config.client_id,
        grant="client_credentials",
        secret=cipher.seal("acme", authorization.secret),
        connected_at_ms=1,
    )
    assert not await store.connections.swap([connection])
    orgs = Orgs(store.connections, cipher, clock, allow_insecure_loopback=True, session=session)
    capture = Capture(store, orgs, topics.open, MemoryShardOwnership(range(64)), clock, MemoryPublisher(), QUICK)
    try:
        yield Team(sandbox, capture, topics)
    finally:
        await orgs.close()
        await sandbox.close()


@pytest.fixture(autouse=True)
def _many_handshakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cometd, "HANDSHAKES_PER_SECOND_OF_HOST", 1000.0)


async def test_whatever_bayeux_error_comes_every_change_arrives_and_the_session_streams_again() -> None:
    async with connected() as team, team.capturing():
        await until(team.streams)
        for name, error in BAYEUX_ERRORS.items():
            # Twice: the library repeats what was answered with 403.
            fault = team.sandbox.org.faults.add(FaultSpec("bayeux-error", times=2, settings={"name": name}))
            text = team.edit()
            if "/meta/connect" in error.channels:
                team.sandbox.cometd_sessions.wake_all()
            else:
                team.sandbox.cometd_sessions.forget_all()
            await until(lambda fault=fault: fault.remaining == 0)  # type: ignore[misc]
            later = team.edit()
            await until(lambda text=text: bool(team.carrying(text)))  # type: ignore[misc]
            await until(lambda later=later: bool(team.carrying(later)))  # type: ignore[misc]
            await until(team.streams)


async def test_an_object_that_may_not_be_subscribed_to_is_polled_until_it_may() -> None:
    async with connected() as team, team.capturing():
        team.sandbox.cometd_sessions.bus.forbidden.add("Lead")
        await until(lambda: team.state("lead") == "forbidden" and team.state() == "streaming")
        status = team.status("lead")
        assert status is not None
        assert status.polling
        assert "select Lead under Setup > Change Data Capture" in status.reason
        polled = team.edit("Lead")
        await until(lambda: bool(team.carrying(polled)))
        assert {change.kind for change in team.carrying(polled)} == {"snapshot"}
        team.sandbox.cometd_sessions.bus.forbidden.clear()
        between = team.edit("Lead")
        await until(lambda: team.state("lead") == "streaming")
        await until(lambda: bool(team.carrying(between)))
        streamed = team.edit("Lead")
        await until(lambda: "update" in {change.kind for change in team.carrying(streamed)})


async def test_a_used_up_allocation_of_events_is_bridged_by_polling() -> None:
    async with connected(daily_delivered_events=3) as team, team.capturing():
        await until(team.streams)
        texts = [team.edit() for _ in range(5)]
        await until(lambda: team.state() == "quota_exceeded")
        await until(lambda: bool(team.carrying(texts[-1])))
        team.sandbox.cometd_sessions.bus.reset_delivered()
        await until(lambda: team.state() == "streaming")


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("_logging_as_before")
async def test_logs_name_team_and_replay_id_and_neither_they_nor_metrics_a_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("debug")
    async with connected() as team, team.capturing():
        await until(team.streams)
        canaries = {team.sandbox.org.config.client_secret, *team.sandbox.tokens._access}
        text = team.edit()
        await until(lambda: bool(team.carrying(text)))
        position = next(iter(team.carrying(text))).replay_id
        team.sandbox.tokens.revoke_access_tokens()
        team.edit()
        await until(lambda: team.reconnects() == 1)
        await until(team.streams)
        canaries |= set(team.sandbox.tokens._access)
    logged = capsys.readouterr().err
    lines = [json.loads(line) for line in logged.splitlines()]

    assert len(canaries) >= 3
    assert not [canary for canary in canaries if canary in logged or canary in generate_latest().decode()]
    told = [line for line in lines if line["event"] == "subscribed" and line["replay_ids"]["contact"] == position]
    assert [line["team"] for line in told] == ["acme"]
    assert any("authentication" in str(line.get("trouble")) for line in lines), "debugging was on"


async def test_a_token_that_expires_costs_one_refresh() -> None:
    async with connected() as team, team.capturing():
        await until(team.streams)
        for number in range(1, 4):
            team.sandbox.tokens.revoke_access_tokens()
            text = team.edit()
            await until(lambda number=number: team.reconnects() == number)  # type: ignore[misc]
            await until(team.streams)
            await until(lambda text=text: bool(team.carrying(text)))  # type: ignore[misc]
            assert len(team.sandbox.tokens._access) == 1
