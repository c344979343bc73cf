"""CometD over raw HTTP: what a batch, a poll, a refusal and a cookie look like on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve

CONTACTS = "/data/ContactChangeEvent"
PATIENCE_SECONDS = 10


@dataclass(slots=True)
class Comet:
    """One HTTP session that speaks Bayeux by hand."""

    org: RunningOrg
    http: aiohttp.ClientSession
    client_id: str = ""

    async def send(self, *messages: dict[str, Any], path: str = "/cometd/62.0") -> list[dict[str, Any]]:
        async with self.http.post(self.org.base_url + path, json=list(messages)) as reply:
            body: list[dict[str, Any]] = await reply.json()
            return body

    def message(self, kind: str, **more: object) -> dict[str, Any]:
        return {"channel": f"/meta/{kind}", "clientId": self.client_id, "id": "7"} | more

    async def handshake(self) -> dict[str, Any]:
        [reply] = await self.send({"channel": "/meta/handshake", "id": "0", "version": "1.0"})
        self.client_id = reply.get("clientId", "")
        return reply

    async def connect(self, **more: object) -> list[dict[str, Any]]:
        return await self.send(self.message("connect", connectionType="long-polling", **more))

    async def subscribe(self, channel: str = CONTACTS, **more: object) -> dict[str, Any]:
        [reply] = await self.send(self.message("subscribe", subscription=channel, **more))
        return reply

    async def established(self, *channels: str) -> Comet:
        await self.handshake()
        await self.connect()
        for channel in channels:
            assert (await self.subscribe(channel))["successful"]
        return self


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig()) as running:
        yield running


@pytest.fixture
async def comet(org: RunningOrg) -> AsyncIterator[Comet]:
    async with aiohttp.ClientSession(headers={"Authorization": f"OAuth {org.access_token}"}) as http:
        yield Comet(org, http)


async def until(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.002)


async def waiting(comet: Comet, **more: object) -> asyncio.Task[list[dict[str, Any]]]:
    """A poll that the server holds open."""
    session = comet.org.cometd_sessions.find(comet.client_id)
    assert session is not None
    polls = session.polls
    task = asyncio.create_task(comet.connect(**more))
    await until(lambda: session.polls > polls and session.waiting is not None)
    return task


def create(org: RunningOrg, name: str = "Doe") -> None:
    org.org.commit([Write("create", "Contact", None, {"LastName": name})], Actor(org.org.admin_user_id, "rest"))


async def admin(comet: Comet, path: str, **body: object) -> None:
    async with comet.http.post(f"{comet.org.base_url}/__admin__/{path}", json=body, raise_for_status=True):
        pass


async def test_handshake_and_first_connect(comet: Comet) -> None:
    handshake = await comet.handshake()
    assert handshake == {
        "ext": {"replay": True, "payload.format": True},
        "minimumVersion": "1.0",
        "clientId": comet.client_id,
        "supportedConnectionTypes": ["long-polling"],
        "channel": "/meta/handshake",
        "id": "0",
        "version": "1.0",
        "successful": True,
    }
    assert await comet.connect() == [
        {
            "clientId": comet.client_id,
            "advice": {"interval": 0, "timeout": 110_000, "reconnect": "retry"},
            "channel": "/meta/connect",
            "id": "7",
            "successful": True,
        }
    ]
    assert {cookie.key for cookie in comet.http.cookie_jar} <= {"BAYEUX_BROWSER", "sfdc-stream"}


async def test_a_poll_ends_with_the_event_before_the_reply(org: RunningOrg, comet: Comet) -> None:
    await comet.established(CONTACTS)
    poll = await waiting(comet)
    create(org)
    event, reply = await poll
    assert event["channel"] == CONTACTS
    assert event.keys() == {"data", "channel"}
    assert reply == {"clientId": comet.client_id, "channel": "/meta/connect", "id": "7", "successful": True}


async def test_a_quiet_poll_ends_after_its_timeout(comet: Comet) -> None:
    await comet.established(CONTACTS)
    assert [one["channel"] for one in await comet.connect(advice={"timeout": 0})] == ["/meta/connect"]
    assert [one["channel"] for one in await comet.connect(advice={"timeout": 20})] == ["/meta/connect"]


async def test_a_later_subscription_wakes_the_poll_with_what_it_replays(org: RunningOrg, comet: Comet) -> None:
    create(org)
    await comet.established()
    poll = await waiting(comet)
    await comet.subscribe(ext={"replay": {CONTACTS: -2}})
    assert [one["channel"] for one in await poll] == [CONTACTS, "/meta/connect"]


async def test_a_later_subscription_is_heard_by_the_poll_that_was_already_open(org: RunningOrg, comet: Comet) -> None:
    await comet.established()
    poll = await waiting(comet)
    await comet.subscribe()
    create(org)
    assert [one["channel"] for one in await poll] == [CONTACTS, "/meta/connect"]


async def test_a_second_poll_takes_over_from_the_first(org: RunningOrg, comet: Comet) -> None:
    await comet.established(CONTACTS)
    first = await waiting(comet)
    second = await waiting(comet)
    assert [one["channel"] for one in await first] == ["/meta/connect"]
    create(org)
    assert [one["channel"] for one in await second] == [CONTACTS, "/meta/connect"]


async def test_a_poll_whose_client_hung_up_takes_no_events_along(org: RunningOrg, comet: Comet) -> None:
    await comet.established(CONTACTS)
    poll = await waiting(comet)
    session = org.cometd_sessions.find(comet.client_id)
    assert session is not None
    poll.cancel()
    await until(lambda: session.waiting is None)
    create(org)
    assert [one["channel"] for one in await comet.connect()] == [CONTACTS, "/meta/connect"]


async def test_a_connect_among_other_messages_does_not_wait(comet: Comet) -> None:
    await comet.established()
    replies = await comet.send(
        comet.message("connect"), comet.message("subscribe", subscription=CONTACTS, ext={"replay": {CONTACTS: 3}})
    )
    by_channel = {one["channel"]: one for one in replies}
    assert by_channel["/meta/connect"]["successful"]
    assert by_channel["/meta/subscribe"] == {
        "clientId": comet.client_id,
        "channel": "/meta/subscribe",
        "id": "7",
        "subscription": CONTACTS,
        "error": (
            "400::The replayId {3} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
            "or -1 to replay only new events."
        ),
        "successful": False,
    }


async def test_unsubscribe_and_disconnect(org: RunningOrg, comet: Comet) -> None:
    await comet.established(CONTACTS)
    [reply] = await comet.send(comet.message("unsubscribe", subscription=CONTACTS))
    assert reply["successful"]
    create(org)
    assert [one["channel"] for one in await comet.connect(advice={"timeout": 0})] == ["/meta/connect"]
    [reply] = await comet.send(comet.message("disconnect"))
    assert reply == {
        "clientId": comet.client_id,
        "channel": "/meta/disconnect",
        "id": "7",
        "successful": True,
    }
    assert (await comet.connect())[0]["error"] == "403::Unknown client"


async def test_forgotten_sessions_are_told_at_once(comet: Comet) -> None:
    await comet.established(CONTACTS)
    poll = await waiting(comet)
    await admin(comet, "cometd/forget-sessions")
    unknown = {
        "advice": {"interval": 0, "reconnect": "handshake"},
        "channel": "/meta/connect",
        "id": "7",
        "error": "403::Unknown client",
        "successful": False,
    }
    assert await poll == [unknown]
    assert await comet.connect() == [unknown]
    assert (await comet.subscribe())["error"] == "403::Unknown client"


async def test_a_revoked_token_ends_the_poll(comet: Comet) -> None:
    await comet.established(CONTACTS)
    poll = await waiting(comet)
    await admin(comet, "tokens/revoke")
    assert await poll == [
        {
            "clientId": comet.client_id,
            "advice": {"interval": 0, "reconnect": "none"},
            "channel": "/meta/connect",
            "id": "7",
            "error": "401::Authentication invalid",
            "successful": False,
        }
    ]
    assert await comet.handshake() == {
        "ext": {
            "sfdc": {"failureReason": "401::Authentication invalid"},
            "replay": True,
            "payload.format": True,
        },
        "advice": {"reconnect": "none"},
        "channel": "/meta/handshake",
        "id": "0",
        "error": "403::Handshake denied",
        "successful": False,
    }


async def test_a_handshake_without_a_token(org: RunningOrg) -> None:
    async with aiohttp.ClientSession() as http:
        reply = await Comet(org, http).handshake()
    assert reply["ext"]["sfdc"]["failureReason"] == "401::Request requires authentication"


async def test_an_outage_ends_open_polls_and_keeps_their_events(org: RunningOrg, comet: Comet) -> None:
    await comet.established(CONTACTS)
    poll = await waiting(comet)
    create_later = asyncio.create_task(admin(comet, "outage", seconds=60))
    with pytest.raises(aiohttp.ContentTypeError):
        await poll
    await create_later
    create(org)
    async with comet.http.post(f"{org.base_url}/cometd/62.0", json=[]) as reply:
        assert reply.status == 503
        assert reply.content_type == "text/html"
    await admin(comet, "outage", seconds=0)
    assert [one["channel"] for one in await comet.connect()] == [CONTACTS, "/meta/connect"]


@pytest.mark.parametrize("path", ["/cometd/62.0/", "/cometd/45.0", "/cometd/56.0/handshake"])
async def test_paths_that_other_clients_use(comet: Comet, path: str) -> None:
    [reply] = await comet.send({"channel": "/meta/handshake", "version": "1.0"}, path=path)
    assert reply["successful"]
    assert "id" not in reply


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/cometd", "400::API version in the URI is mandatory. URI format: '/cometd/66.0'"),
        (
            "/cometd/36.0",
            (
                "400::Unsupported API version. Only API versions '37.0' and later are supported. "
                "URI format: '/cometd/66.0'"
            ),
        ),
    ],
)
async def test_versions_that_are_not_served(comet: Comet, path: str, error: str) -> None:
    [reply] = await comet.send({"channel": "/meta/handshake", "version": "1.0"}, path=path)
    assert (reply["error"], reply["successful"]) == (error, False)


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[1]", 400), (b"null", 400), (b"[]", 200), (b" " * 32_769, 413)]
)
async def test_bodies_that_are_not_messages(org: RunningOrg, comet: Comet, body: bytes, status: int) -> None:
    async with comet.http.post(f"{org.base_url}/cometd/62.0", data=body) as reply:
        assert reply.status == status


async def test_only_post_is_allowed(org: RunningOrg, comet: Comet) -> None:
    async with comet.http.get(f"{org.base_url}/cometd/62.0") as reply:
        assert reply.status == 405


async def test_clients_may_not_publish(comet: Comet) -> None:
    await comet.established()
    [reply] = await comet.send({"channel": CONTACTS, "clientId": comet.client_id, "data": {}})
    assert reply["error"] == "403::Restricted channel"
