"""Bad input to real processes: one sentence that names the setting or the record, status 1, no stack trace."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve

from .conftest import PATIENCE_SECONDS, Command, Ended

TEAM = "acme"


def one_sentence(ended: Ended, *parts: str) -> None:
    assert ended.status == 1, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert ended.err.count("error:") == 1, ended.err
    for part in parts:
        assert part in ended.err


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(contacts=5, leads=5, accounts=5)) as running:
        yield running


async def connect(command: Command, org: RunningOrg, secret: str | None = None) -> Ended:
    config = org.org.config
    return await command(
        *("connections", "connect", TEAM, "--client-credentials", "--json"),
        *("--client-id", config.client_id, "--login-url", org.base_url),
        SALESFORCE_CLIENT_SECRET=secret or config.client_secret,
    )


async def test_servers_that_are_down_are_named_with_their_setting(command: Command, free_port: int) -> None:
    kafka, mongodb, debugged = await asyncio.gather(
        command("routing", KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}"),
        command(
            "connections",
            "list",
            MONGODB_URI=f"mongodb://ada:F00DBABE@127.0.0.1:{free_port}/?connectTimeoutMS=300"
            "&serverSelectionTimeoutMS=300",
        ),
        command("--debug", "connections", "list", MONGODB_URI="nonsense"),
    )
    one_sentence(kafka, f"Kafka does not answer at 127.0.0.1:{free_port}: check KAFKA_BOOTSTRAP_SERVERS")
    one_sentence(mongodb, f"MongoDB does not answer at 127.0.0.1:{free_port}: check MONGODB_URI")
    assert "F00DBABE" not in mongodb.err
    assert debugged.status == 1
    assert "Traceback" in debugged.err
    assert "MONGODB_URI is not a MongoDB connection string" in debugged.err


async def test_ports_in_use_are_named_with_their_setting(command: Command, taken_port: int) -> None:
    health, callback, sandbox = await asyncio.gather(
        command("routing", HEALTH_HOST="127.0.0.1", HEALTH_PORT=str(taken_port)),
        command(
            "connections", "connect", TEAM, "--client-id", "app", "--no-browser", "--callback-port", str(taken_port)
        ),
        command("sandbox", "--port", str(taken_port), "--contacts", "0", "--leads", "0", "--accounts", "0"),
    )
    one_sentence(health, f"port {taken_port} on 127.0.0.1 is in use: set HEALTH_PORT")
    one_sentence(callback, f"port {taken_port} is in use: give another with --callback-port")
    one_sentence(sandbox, f"port {taken_port} is in use: choose another with --port")


async def test_an_org_that_cannot_be_connected_is_named(command: Command, org: RunningOrg, free_port: int) -> None:
    login = ("connections", "connect", TEAM, "--client-credentials", "--client-id", "app", "--login-url")
    wrong_secret, down, foreign, loopback = await asyncio.gather(
        connect(command, org, secret="F00DBABE"),
        command(*login, f"http://127.0.0.1:{free_port}", SALESFORCE_CLIENT_SECRET="F00DBABE"),
        command(*login, "https://salesforce.example", SALESFORCE_CLIENT_SECRET="F00DBABE"),
        command(*login, org.base_url, SALESFORCE_CLIENT_SECRET="F00DBABE", SALESFORCE_ALLOW_LOOPBACK=None),
    )
    one_sentence(wrong_secret, "invalid_client", "check the client secret")
    one_sentence(down, f"Salesforce does not answer at 127.0.0.1:{free_port}")
    one_sentence(foreign, "https://salesforce.example is no Salesforce address")
    one_sentence(loopback, "set SALESFORCE_ALLOW_LOOPBACK=true")
    assert all("F00DBABE" not in each.err for each in (wrong_secret, down, foreign, loopback))
    teams = await command("connections", "list", "--json")
    assert (teams.status, json.loads(teams.out)) == (0, [])


async def test_an_unknown_team_is_named_by_every_command(command: Command) -> None:
    ended = await asyncio.gather(
        command("teams", "status", "nobody", "--wait"),
        command("rules", "list", "nobody"),
        command("lists", "list", "nobody", "lead"),
        command("segments", "create", "nobody", "Key"),
        command("insights", "--once", "--team", "nobody"),
    )
    for each in ended:
        one_sentence(each, "team nobody is not connected: `segment-sync connections connect nobody` connects it")


async def test_what_a_connected_team_does_not_have_is_named(command: Command, org: RunningOrg) -> None:
    connected = await connect(command, org)
    assert connected.status == 0, connected.err
    assert json.loads(connected.out)["org_id"] == org.org.organization_id
    segment, members, list_, rule = await asyncio.gather(
        command("rules", "add", TEAM, "lead", "--list", "Open Leads", "--existing-segment", "Key"),
        command("segments", "members", TEAM, "key"),
        command("rules", "add", TEAM, "lead", "--list", "No such list", "--only"),
        command("rules", "deactivate", TEAM, "lead-7"),
    )
    one_sentence(segment, f"team {TEAM} has no segment “Key”")
    one_sentence(members, f"team {TEAM} has no segment “key”")
    one_sentence(list_, "the connected user sees no lead list “No such list”", "administrator")
    one_sentence(rule, f"team {TEAM} has no rule lead-7")
    added = await command("rules", "add", TEAM, "lead", "--list", "Open Leads", "--new-segment", "Key", "--json")
    assert (added.status, json.loads(added.out)["rule_id"]) == (0, "lead-1")
    org.outage.start(60)
    unreachable = await command("lists", "list", TEAM, "lead")
    one_sentence(unreachable, "Salesforce", "503")


@pytest.mark.parametrize("worker", ["insights", "routing", "scores-api"])
async def test_a_worker_becomes_ready_and_ends_cleanly_on_sigterm(
    settings: dict[str, str], free_port: int, worker: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", worker),
        env=os.environ | settings | {"HEALTH_HOST": "127.0.0.1", "HEALTH_PORT": str(free_port), "SCORES_API_PORT": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), aiohttp.ClientSession() as session:
            while not await ready(session, f"http://127.0.0.1:{free_port}/readyz"):
                assert process.returncode is None
                await asyncio.sleep(0.1)
            process.terminate()
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    assert out == b""


async def ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as reply:
            return reply.status == 200
    except aiohttp.ClientConnectorError:
        return False


async def test_a_member_is_put_in_by_hand_and_leaves_with_its_segment(command: Command, org: RunningOrg) -> None:
    assert (await connect(command, org)).status == 0
    made = await command("segments", "create", TEAM, "VIPs", "--json")
    assert json.loads(made.out)["segment_id"] == "vips"
    added = await command("segments", "add", TEAM, "vips", "Joe@ACME.com", "--json")
    assert added.status == 0, added
    (member,) = json.loads((await command("segments", "members", TEAM, "VIPs", "--json")).out)
    assert member["key"] == "joe@acme.com"
    assert member["because"][0].startswith("by hand, cli:")
    assert (await command("segments", "delete", TEAM, "vips")).status == 0
    assert json.loads((await command("segments", "list", TEAM, "--json")).out) == []
