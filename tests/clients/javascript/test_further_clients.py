"""Clients that many integrations still run: faye on the stream, nforce on REST."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.clients.javascript.orgs import HERE, NODE, PATIENCE_SECONDS, announced, create, needs_clients
from tests.support.waiting import until

CONTACTS = "/data/ContactChangeEvent"

pytestmark = needs_clients


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    config = OrgConfig(leads=10, password_flow_enabled=True, connect_timeout_seconds=2, reconnect_window_seconds=10)
    async with await serve(config) as running:
        yield running


async def started(*arguments: str) -> asyncio.subprocess.Process:
    assert NODE is not None
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(NODE, *arguments, cwd=HERE, stdin=pipe, stdout=pipe, stderr=pipe)


async def read_into(lines: list[dict[str, Any]], process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        lines.append(json.loads(line))


async def test_faye_replays_and_comes_back_after_its_session_was_forgotten(org: RunningOrg) -> None:
    create(org, "Before 1", "Before 2")
    process = await started("faye_client.js", org.base_url, org.access_token, CONTACTS)
    lines: list[dict[str, Any]] = []
    reader = asyncio.create_task(read_into(lines, process))
    try:
        await until(lambda: events(lines) == announced(org), PATIENCE_SECONDS)
        org.cometd_sessions.forget_all()
        create(org, "After")
        await until(lambda: events(lines) == announced(org), PATIENCE_SECONDS)
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
        await reader
        await process.wait()
    assert {"error": "403::Unknown client", "advice": {"interval": 0, "reconnect": "handshake"}} in lines


def events(lines: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(line["replayId"], record_id) for line in lines if "replayId" in line for record_id in line["recordIds"]]


async def test_nforce_does_its_whole_work(org: RunningOrg) -> None:
    config = org.org.config
    password = config.password + config.security_token
    login = (org.base_url, config.client_id, config.client_secret, config.username, password)
    process = await started("nforce_client.js", *login)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    assert seen["identity"] == org.org.admin_user_id
    assert seen["fields"] == [one.name for one in org.org.objects()["Lead"].fields]
    assert (seen["title"], seen["refusal"], seen["afterwards"]) == (
        "Boss", "REQUIRED_FIELD_MISSING", "INVALID_SESSION_ID",
    )  # fmt: skip
    written = [(one.operation, one.record_id) for one in org.org.ledger.after(0) if one.actor is not None]
    made, upserted = seen["id"], seen["upserted"]
    assert written == [("create", made), ("update", made), ("create", upserted), ("delete", made)]
    live = {str(row["Id"]) for row in org.org.rows("Lead")}
    assert set(seen["queried"]) == live | {made}
