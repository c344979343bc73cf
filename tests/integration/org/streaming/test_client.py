"""The CometD surface, judged by aiosfstream-ng, a client that was not written for it.

The subclass only does what any user of the library on a current Python must do: bring a token, keep the replay
positions, look at refused re-subscriptions, and replace a coroutine that fails on Python 3.10 and later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiocometd_ng.constants import TransportState
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.client import Client, ReplayMarkerStoragePolicy
from aiosfstream_ng.exceptions import ServerError
from aiosfstream_ng.replay import ReplayMarker, ReplayMarkerStorage, ReplayOption

from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve

CONTACTS = "/data/ContactChangeEvent"
LEADS = "/data/LeadChangeEvent"
PATIENCE_SECONDS = 10


class GivenToken(AuthenticatorBase):
    def __init__(self, org: RunningOrg) -> None:
        super().__init__()
        self._org = org
        self.logins = 0

    async def _authenticate(self) -> tuple[int, dict[str, str]]:
        self.logins += 1
        token = self._org.tokens.issue(self._org.org.admin_user_id)
        return 200, {"access_token": token, "token_type": "Bearer", "instance_url": self._org.base_url}


class Positions(ReplayMarkerStorage):
    """Replay positions by channel, and what the server said about subscriptions."""

    def __init__(self, positions: dict[str, int]) -> None:
        super().__init__()
        self.positions = positions
        self.refusals: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []

    async def incoming(self, payload: list[dict[str, Any]], headers: dict[str, str] | None = None) -> None:
        self.replies += payload
        self.refusals += [
            one for one in payload if one["channel"] == "/meta/subscribe" and not one.get("successful", True)
        ]

    async def get_replay_marker(self, subscription: str) -> ReplayMarker | None:
        replay_id = self.positions.get(subscription)
        return None if replay_id is None else ReplayMarker(date="", replay_id=replay_id)

    async def set_replay_marker(self, subscription: str, replay_marker: ReplayMarker) -> None:
        """Positions are set by the test."""


class CdcClient(Client):
    @staticmethod
    def get_cometd_url(instance_url: str) -> str:
        return f"{instance_url}/cometd/62.0"

    async def _wait_connection_timeout(self, timeout: float) -> None:
        assert self._transport is not None
        reached = self._transport.wait_for_state
        while True:
            await reached(TransportState.CONNECTING)
            try:
                await asyncio.wait_for(reached(TransportState.CONNECTED), timeout)
            except TimeoutError:
                return


@dataclass(slots=True)
class Subscriber:
    """A client, its positions, and everything it received."""

    client: CdcClient
    positions: Positions
    auth: GivenToken
    received: list[dict[str, Any]] = field(default_factory=list)
    _reader: asyncio.Task[None] | None = None

    async def open(self, *channels: str) -> None:
        await self.client.open()
        for channel in channels:
            await self.client.subscribe(channel)
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.client:
            self.received.append(message)

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self.client.close()

    @property
    def record_ids(self) -> list[str]:
        headers = (message["data"]["payload"]["ChangeEventHeader"] for message in self.received)
        return [record_id for header in headers for record_id in header["recordIds"]]


MakeSubscriber = Callable[..., Subscriber]


async def until(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.005)


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(connect_timeout_seconds=1, reconnect_window_seconds=5)) as running:
        yield running


@pytest.fixture
async def subscriber(org: RunningOrg, caplog: pytest.LogCaptureFixture) -> AsyncIterator[MakeSubscriber]:
    # The library logs an error on every close.
    caplog.set_level(logging.CRITICAL, logger="aiocometd_ng")
    made: list[Subscriber] = []

    def make(**positions: int) -> Subscriber:
        storage, auth = Positions({_CHANNELS[name]: value for name, value in positions.items()}), GivenToken(org)
        client = CdcClient(
            auth, replay=storage, connection_timeout=5, replay_storage_policy=ReplayMarkerStoragePolicy.MANUAL
        )
        made.append(Subscriber(client, storage, auth))
        return made[-1]

    yield make
    for one in made:
        await one.close()


_CHANNELS = {"contacts": CONTACTS, "leads": LEADS}


def create_contacts(org: RunningOrg, *names: str) -> list[str]:
    actor = Actor(org.org.admin_user_id, "rest", "Tests")
    results = org.org.commit([Write("create", "Contact", None, {"LastName": name}) for name in names], actor)
    return [str(result.record_id) for result in results]


async def admin(org: RunningOrg, path: str, **body: object) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{org.base_url}/__admin__/{path}", json=body, raise_for_status=True) as reply,
    ):
        await reply.read()


async def test_a_subscriber_gets_new_events_in_order(org: RunningOrg, subscriber: MakeSubscriber) -> None:
    one = subscriber()
    await one.open(CONTACTS, LEADS)
    ids = [create_contacts(org, f"Name {index}")[0] for index in range(50)]
    await until(lambda: len(one.received) == 50)
    assert one.record_ids == ids
    message = one.received[0]
    assert message["channel"] == CONTACTS
    assert message["data"]["payload"]["Name"] == {"LastName": "Name 0"}
    header = message["data"]["payload"]["ChangeEventHeader"]
    assert header["changeOrigin"] == "com/salesforce/api/rest/62.0;client=Tests"
    assert org.cometd_sessions.bus.delivered == {CONTACTS: 50}


async def test_a_subscriber_replays_from_its_position(org: RunningOrg, subscriber: MakeSubscriber) -> None:
    ids = [create_contacts(org, f"Name {index}")[0] for index in range(5)]
    replay_ids = [entry.replay_id for entry in org.org.ledger.after(0) if entry.replay_id]
    one = subscriber(contacts=replay_ids[1])
    await one.open(CONTACTS)
    await until(lambda: len(one.received) == 3)
    assert one.record_ids == ids[2:]


async def test_the_first_subscription_can_ask_for_all_retained_events(org: RunningOrg) -> None:
    ids = create_contacts(org, "A", "B")
    auth = GivenToken(org)
    async with CdcClient(auth, replay=ReplayOption.ALL_EVENTS, connection_timeout=5) as client:
        await client.subscribe(CONTACTS)
        got = [(await client.receive())["data"]["payload"]["ChangeEventHeader"]["recordIds"] for _ in ids]
    assert got == [[record_id] for record_id in ids]


async def test_an_unknown_replay_id_is_refused(org: RunningOrg, subscriber: MakeSubscriber) -> None:
    one = subscriber(contacts=17)
    with pytest.raises(ServerError) as refused:
        await one.open(CONTACTS)
    assert refused.value.error == (
        "400::The replayId {17} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
        "or -1 to replay only new events."
    )


async def test_a_replay_id_outside_the_retention_is_refused(org: RunningOrg, subscriber: MakeSubscriber) -> None:
    create_contacts(org, "A")
    await admin(org, "retention", seconds=0)
    one = subscriber(contacts=org.org.events.tip)
    with pytest.raises(ServerError, match="400::The replayId"):
        await one.open(CONTACTS)


async def test_a_forgotten_session_is_rebuilt_by_the_client(org: RunningOrg, subscriber: MakeSubscriber) -> None:
    one = subscriber()
    await one.open(CONTACTS)
    first = create_contacts(org, "A")
    await until(lambda: one.record_ids == first)
    one.positions.positions[CONTACTS] = one.received[-1]["data"]["event"]["replayId"]
    await admin(org, "cometd/forget-sessions")
    missed = create_contacts(org, "B")
    await until(lambda: one.record_ids == first + missed)
    errors = [reply["error"] for reply in one.positions.replies if "error" in reply]
    assert "403::Unknown client" in errors


async def test_a_refused_resubscription_leaves_a_connected_client_without_events(
    org: RunningOrg, subscriber: MakeSubscriber
) -> None:
    """The library's silent stall: the org must refuse in the batch, and say why."""
    one = subscriber()
    await one.open(CONTACTS)
    one.positions.positions[CONTACTS] = 17
    await admin(org, "cometd/forget-sessions")
    await until(lambda: bool(one.positions.refusals))
    assert one.positions.refusals[0]["subscription"] == CONTACTS
    assert one.positions.refusals[0]["error"].startswith("400::The replayId {17} you provided was invalid.  ")
    assert one.client.subscriptions == set()


async def test_a_revoked_token_makes_the_client_log_in_again(org: RunningOrg, subscriber: MakeSubscriber) -> None:
    one = subscriber()
    await one.open(CONTACTS)
    await admin(org, "tokens/revoke")
    await until(lambda: one.auth.logins == 2)
    ids = create_contacts(org, "A")
    await until(lambda: one.record_ids == ids)


async def test_an_event_ends_an_open_poll_at_once(org: RunningOrg, subscriber: MakeSubscriber) -> None:
    """With a poll of 110 s an event that waited for its end would never be seen here."""
    async with await serve(OrgConfig(seed=2)) as patient:
        auth = GivenToken(patient)
        async with CdcClient(auth, replay=ReplayOption.NEW_EVENTS, connection_timeout=5) as client:
            await client.subscribe(CONTACTS)
            await client.subscribe(LEADS)
            ids = create_contacts(patient, "A")
            async with asyncio.timeout(PATIENCE_SECONDS):
                message = await client.receive()
    assert message["data"]["payload"]["ChangeEventHeader"]["recordIds"] == ids


async def test_two_clients_each_get_everything(org: RunningOrg, subscriber: MakeSubscriber) -> None:
    one, two = subscriber(), subscriber()
    await one.open(CONTACTS)
    await two.open("/data/ChangeEvents")
    ids = create_contacts(org, "A", "B")
    await until(lambda: one.record_ids == ids and two.record_ids == ids)
    assert {message["channel"] for message in two.received} == {"/data/ChangeEvents"}


async def test_a_channel_that_is_not_selected_is_refused(org: RunningOrg, subscriber: MakeSubscriber) -> None:
    with pytest.raises(ServerError) as refused:
        await subscriber().open("/data/UserChangeEvent")
    assert refused.value.error == "403::User not allowed to subscribe CDC without required permissions"
