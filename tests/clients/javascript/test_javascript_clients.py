"""JavaScript clients, unmodified from their registry: what they saw is compared with the org's ledger.

Needs Node.js, and `npm ci` in this directory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.faults.plan import FaultSpec
from sandbox.org.server import RunningOrg, serve
from tests.clients.javascript.orgs import HERE, NODE, PATIENCE_SECONDS, announced, create, needs_clients

REDIRECT_URI = "http://127.0.0.1:1/callback"
CONTACTS, ALL = "/data/ContactChangeEvent", "/data/ChangeEvents"

pytestmark = needs_clients


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(connect_timeout_seconds=2, reconnect_window_seconds=10)) as running:
        yield running


@dataclass(slots=True)
class Listener:
    """A cometd client in a process of its own, and the lines it printed."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))

    @property
    def events(self) -> list[tuple[int, str]]:
        lines = (line for line in self.lines if "replayId" in line)
        return [(line["replayId"], record_id) for line in lines for record_id in line["recordIds"]]

    def told(self, kind: str, **values: object) -> bool:
        return any(line.get("meta") == kind and values.items() <= line.items() for line in self.lines)


@asynccontextmanager
async def listening(org: RunningOrg, version: str = "62.0", **positions: int) -> AsyncIterator[Listener]:
    names = {"contacts": CONTACTS, "everything": ALL}
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        "cometd_client.js",
        org.base_url,
        org.access_token,
        version,
        *(f"{names[name]}={position}" for name, position in positions.items()),
        cwd=HERE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    listener = Listener(process)
    reader = asyncio.create_task(listener.read())
    try:
        yield listener
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
        await reader
        await process.wait()


async def until(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def test_cometd_replays_and_follows_two_channels(org: RunningOrg) -> None:
    create(org, "Before 1", "Before 2")
    async with listening(org, contacts=-2, everything=-1) as listener:
        await until(lambda: listener.told("subscribe", subscription=ALL, successful=True))
        await until(lambda: len(listener.events) == 2)
        create(org, "After")
        await until(lambda: len(listener.events) == 4)
    contacts = [line["replayId"] for line in listener.lines if line.get("channel") == CONTACTS]
    assert contacts == [replay_id for replay_id, _ in announced(org)]
    assert [line["replayId"] for line in listener.lines if line.get("channel") == ALL] == contacts[-1:]


@pytest.mark.parametrize("version", ["62.0", "66.0"])
@pytest.mark.parametrize(
    "fault",
    [
        FaultSpec("bayeux-error", settings={"name": "unknown-client"}),
        FaultSpec("server-disconnect"),
        FaultSpec("reset", where={"path": "/cometd"}),
        FaultSpec("html-503", where={"path": "/cometd"}),
    ],
    ids=lambda fault: fault.kind,
)
async def test_cometd_recovers_from_a_fault_with_every_event(org: RunningOrg, fault: FaultSpec, version: str) -> None:
    async with listening(org, version, contacts=-1) as listener:
        await until(lambda: listener.told("subscribe", successful=True))
        create(org, "Before")
        await until(lambda: listener.events == announced(org))
        org.org.plan(fault)
        org.cometd_sessions.wake_all()
        create(org, "During")
        await until(lambda: org.org.ledger.faults.get(fault.kind) == 1)
        create(org, "After")
        await until(lambda: listener.events == announced(org))


async def test_events_of_a_lost_reply_come_again_only_by_replay(org: RunningOrg) -> None:
    async with listening(org, contacts=-1) as listener:
        await until(lambda: listener.told("subscribe", successful=True))
        create(org, "Seen")
        await until(lambda: len(listener.events) == 1)
        org.org.plan(FaultSpec("lost-reply", where={"path": "/cometd"}))
        create(org, "Lost")
        await until(lambda: org.org.ledger.faults.get("lost-reply") == 1)
        create(org, "Seen again")
        await until(lambda: len(listener.events) == 2)
        expected = announced(org)
        assert listener.events == [expected[0], expected[2]]
        org.cometd_sessions.forget_all()
        create(org, "After")
        await until(lambda: listener.events[-1] == announced(org)[-1])


async def test_cometd_is_told_why_a_replay_id_is_refused(org: RunningOrg) -> None:
    async with listening(org, contacts=17) as listener:
        await until(lambda: listener.told("subscribe", successful=False))
    refusal = next(line for line in listener.lines if line.get("meta") == "subscribe")
    assert refusal["error"].startswith("400::The replayId {17} you provided was invalid.  ")


async def authorization_code(org: RunningOrg) -> str:
    config = org.org.config
    form = {
        "response_type": "code",
        "client_id": config.client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": "api refresh_token",
        "username": config.username,
        "pw": config.password,
        "action": "login",
    }
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
        http.post(f"{org.base_url}/services/oauth2/authorize", data=form, allow_redirects=False) as reply,
    ):
        return parse_qs(urlsplit(reply.headers["Location"]).query)["code"][0]


async def test_jsforce_does_its_whole_work(org: RunningOrg) -> None:
    config = org.org.config
    code = await authorization_code(org)
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        "jsforce_client.js",
        org.base_url,
        config.client_id,
        config.client_secret,
        REDIRECT_URI,
        code,
        cwd=HERE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 2 * PATIENCE_SECONDS)
    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    user = {"id": org.org.admin_user_id, "organizationId": org.org.organization_id}
    assert user.items() <= seen["user"].items()
    assert (seen["identity"], seen["refreshed"]) == (org.org.admin_user_id, True)
    assert seen["names"] == ["Ann One", "Two"]
    assert seen["title"] == "Boss"
    assert seen["fields"] == [one.name for one in org.org.objects()["Contact"].fields]
    assert sorted(seen["successful"]) == sorted(seen["ids"])
    assert seen["failed"] == []
    assert seen["departments"] == ['Department, "0"', 'Department, "1"']
    assert [(one["replayId"], record) for one in seen["events"] for record in one["recordIds"]] == announced(org)
