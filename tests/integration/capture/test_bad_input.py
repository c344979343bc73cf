"""What no org should send, over a real CometD connection: set aside with reason and position; the stream goes on.

An event does not say which org it is of: `tests/integration/salesforce/test_salesforce_oauth.py` shows that a token of
another org is refused before anything is asked with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiohttp import web

from schemas.documents import Connection
from schemas.events import Parked
from schemas.topics import SHARDS
from tests.integration.salesforce.scripted_bayeux import CHANNEL, Bayeux, FakeTokens, Message, serving
from tests.support.waiting import until
from workers.adapters.memory.changelog import MAX_MESSAGE_BYTES, MemoryTopics
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.salesforce import EPOCH_MS, MemoryOrg, MemoryOrgs
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.cometd import CometdStream, Handshakes
from workers.adapters.salesforce.tokens import Tokens
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.core.capture.shards import shard_of
from workers.ports import ChangeStream
from workers.runtime.process import SystemClock

QUICK = Pace(connections_seconds=0.01, backoff_base_seconds=0.01, query_poll_seconds=0.01, scale=0.001)
ADA = "003Rj00000Buj14IAB"
HEADER: Mapping[str, object] = {
    "entityName": "Contact",
    "recordIds": [ADA],
    "changeType": "UPDATE",
    "commitTimestamp": EPOCH_MS,
    "commitNumber": 1,
    "sequenceNumber": 1,
}


def payload(header: Mapping[str, object] | None = None, **fields: object) -> dict[str, Any]:
    return {"ChangeEventHeader": {**HEADER, **(header or {})}, **fields}


@dataclass
class WireOrgs(MemoryOrgs):
    """Queries are answered from memory, the stream comes over the wire."""

    tokens: FakeTokens
    orgs: dict[str, MemoryOrg] = field(default_factory=lambda: {"acme": MemoryOrg()})

    def stream(self, connection: Connection) -> ChangeStream:  # type: ignore[override]
        return CometdStream(cast("Tokens", self.tokens), SystemClock(), Handshakes())


@dataclass
class Wire:
    """A capture process on a CometD server that sends what it is told to."""

    capture: Capture
    topics: MemoryTopics
    org: MemoryOrg
    server: Bayeux
    replies: asyncio.Queue[Any]
    sent: int = 0

    def send(self, body: object, channel: str = CHANNEL) -> str:
        """An event; its replay id."""
        self.sent += 1
        data = {"payload": body, "event": {"replayId": self.sent}}
        self.replies.put_nowait([{"channel": channel, "data": data}])
        return str(self.sent)

    async def streams_on(self) -> None:
        """An event that comes after all others is published, and the position is behind it."""
        replay_id = self.send(payload(Title="after"))
        await until(lambda: self.replay_id() == replay_id)
        assert self.topics.changes[-1].fields["Title"] == "after"

    def replay_id(self) -> str | None:
        position = self.topics.positions[shard_of("acme")].get(("acme", "contact"))
        return position.replay_id if position else None

    async def parked(self) -> Parked:
        await until(lambda: bool(self.topics.parked))
        (parked,) = self.topics.parked
        return parked

    @property
    def handshakes(self) -> int:
        return [message["channel"] for message in self.server.seen].count("/meta/handshake")


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with _wire() as wire:
        yield wire


@asynccontextmanager
async def _wire() -> AsyncIterator[Wire]:
    replies: asyncio.Queue[Any] = asyncio.Queue()

    async def poll(_number: int) -> Any:
        return await replies.get()

    server, store, topics = Bayeux(poll, advised_timeout_ms=60_000), memory_store(), MemoryTopics()
    stop = asyncio.Event()
    async with serving(server) as tokens:
        assert not await store.connections.swap([tokens.connection])
        orgs = WireOrgs(tokens)
        ownership = MemoryShardOwnership(range(SHARDS))
        capture = Capture(store, orgs, topics.open, ownership, SystemClock(), MemoryPublisher(), QUICK)
        running = asyncio.create_task(capture.run(stop))
        wire = Wire(capture, topics, orgs.orgs["acme"], server, replies)
        await until(lambda: any(status.state == "streaming" for status in capture.statuses()))
        try:
            yield wire
        finally:
            stop.set()
            await running


BAD: dict[str, tuple[object, str]] = {
    "no payload": (None, "no ChangeEventHeader"),
    "text instead of a payload": ("oops", "no ChangeEventHeader"),
    "no header": ({"Title": "x"}, "no ChangeEventHeader"),
    "a header that is text": ({"ChangeEventHeader": "x"}, "no ChangeEventHeader"),
    "another entity": (payload({"entityName": "Opportunity"}), "entityName 'Opportunity' on the channel of Contact"),
    "no entity": (payload({"entityName": None}), "entityName None"),
    "an unknown change": (payload({"changeType": "EXPLODE"}), "unknown changeType 'EXPLODE'"),
    "ids that are not ids": (payload({"recordIds": ["Ada Lovelace"]}), "'Ada Lovelace' is not a record id"),
    "ids that are numbers": (payload({"recordIds": [7]}), "recordIds [7]"),
    "no ids": (payload({"recordIds": []}), "recordIds []"),
    "a moment that is text": (payload({"commitTimestamp": "now"}), "commitTimestamp 'now'"),
    "a number that MongoDB cannot hold": (payload({"commitNumber": 2**63}), "commitNumber '9223372036854775808'"),
    "a field with the name of an operator": ({**payload(), "$where": "1"}, "field name '$where'"),
}


@pytest.mark.parametrize(("body", "reason"), BAD.values(), ids=BAD)
async def test_a_malformed_event_is_parked_with_reason_and_position(wire: Wire, body: object, reason: str) -> None:
    replay_id = wire.send(body)
    parked = await wire.parked()
    await wire.streams_on()

    assert (parked.reason, parked.team, parked.replay_id) == ("malformed", "acme", replay_id)
    assert reason in parked.detail
    assert wire.handshakes == 1, "the session went on"


async def test_an_event_of_a_megabyte_is_parked_and_one_that_fits_is_not(wire: Wire) -> None:
    wire.send(payload(Description="x" * (MAX_MESSAGE_BYTES // 2)))
    replay_id = wire.send(payload(Description="x" * MAX_MESSAGE_BYTES))
    parked = await wire.parked()
    await wire.streams_on()

    assert (parked.reason, parked.replay_id) == ("too_large", replay_id)
    assert ADA in parked.payload
    assert [len(change.fields.get("Description", "")) for change in wire.topics.changes] == [MAX_MESSAGE_BYTES // 2, 0]


async def test_a_malformed_event_of_a_megabyte_is_cut_and_parked(wire: Wire) -> None:
    replay_id = wire.send({"Description": "x" * MAX_MESSAGE_BYTES})
    parked = await wire.parked()
    await wire.streams_on()

    assert (parked.reason, parked.replay_id) == ("malformed", replay_id)
    assert len(parked.model_dump_json()) < MAX_MESSAGE_BYTES


@pytest.mark.parametrize("value", [["a", "list"], {"diff": "---"}, {"unheard": "of"}])
async def test_a_field_of_a_shape_that_nobody_described_is_read_from_the_org(wire: Wire, value: object) -> None:
    wire.org.rows["contact"][ADA] = {"Id": ADA, "Title": "read", "SystemModstamp": "2023-11-14T22:13:20.000Z"}
    wire.send(payload(Title=value))
    await wire.streams_on()

    assert [change.fields["Title"] for change in wire.topics.changes] == ["read", "after"]
    assert not wire.topics.parked


async def test_a_field_that_became_a_number_is_taken_as_the_org_means_it(wire: Wire) -> None:
    """Administrators convert fields, and mappings and lists read whatever is there."""
    wire.send(payload(Title=7))
    await wire.streams_on()
    assert wire.topics.changes[0].fields["Title"] == 7


REPLIES: dict[str, object] = {
    "malformed JSON": web.Response(text='[{"channel": "/data/Contact', content_type="application/json"),
    "no list": {"channel": CHANNEL},
    "a list of texts": ["x"],
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_a_reply_that_is_no_bayeux_is_left_behind_with_its_session(wire: Wire, reply: object) -> None:
    """Nothing can be said of what was in it: the next session begins behind the last position."""
    wire.send(payload(Title="before"))
    await until(lambda: wire.replay_id() == "1")
    wire.replies.put_nowait(reply)
    await until(lambda: wire.handshakes == 2)
    await wire.streams_on()

    subscribed = [one for one in wire.server.seen if one.get("subscription") == CHANNEL]
    assert [replay_id_in(message) for message in subscribed] == [-1, 1]
    assert not wire.topics.parked


def replay_id_in(subscription: Message) -> int:
    return int(json.loads(json.dumps(subscription))["ext"]["replay"][CHANNEL])


async def test_an_event_on_a_channel_that_nobody_asked_for_is_published_by_nobody(wire: Wire) -> None:
    wire.send(payload(), channel="/data/OpportunityChangeEvent")
    await until(lambda: any(status.state == "parked" for status in wire.capture.statuses()))
    (reason,) = {status.reason for status in wire.capture.statuses()}
    assert "'/data/OpportunityChangeEvent', which nobody subscribed to" in reason
    assert not wire.topics.changes
    await until(lambda: wire.handshakes == 2)
    await wire.streams_on()
