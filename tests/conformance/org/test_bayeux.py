"""CometD as Salesforce speaks it: replies and error strings byte for byte (salesforce.md 2, salesforce-shapes 8)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.conformance.org.conftest import Caller, Reply

CONTACTS = "/data/ContactChangeEvent"
NO_CHANNEL = "400::The channel you requested to subscribe to does not exist"
# With two blanks, as on the wire.
INVALID_REPLAY_ID = (
    "400::The replayId {17} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to "
    "replay only new events."
)
Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Streamer:
    """A client that sends what it is told to and nothing else."""

    call: Caller
    client_id: str = ""

    async def __call__(self, channel: str, **more: object) -> Reply:
        message = {"channel": f"/meta/{channel}", "id": "1", **({"clientId": self.client_id} if self.client_id else {})}
        return await self.call("POST", "/services/../cometd/62.0", [message | more])

    async def shaken(self) -> Streamer:
        reply = await self("handshake", version="1.0", supportedConnectionTypes=["long-polling"])
        return replace(self, client_id=reply.json[0]["clientId"])

    async def subscribed(self, channel: str = CONTACTS, replay: object = -1) -> Message:
        reply = await self("subscribe", subscription=channel, ext={"replay": {channel: replay}})
        found: Message = reply.json[0]
        return found

    async def connected(self, timeout_ms: int = 0) -> list[Message]:
        reply = await self("connect", connectionType="long-polling", advice={"timeout": timeout_ms})
        found: list[Message] = reply.json
        return found


@pytest.fixture
async def stream(call: Caller) -> Streamer:
    return Streamer(call)


@pytest.fixture
async def strict() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(concurrent_cometd_clients=1, daily_delivered_events=1)) as running:
        yield running


async def test_the_handshake_reply(stream: Streamer) -> None:
    """Shapes 8, in its key order; the client id has 26 lower-case letters and digits."""
    reply = await stream("handshake", version="1.0", ext={"replay": True})
    text = re.sub('"clientId":"[0-9a-z]{26}"', '"clientId":"…"', reply.text)
    assert text == (
        '[{"ext":{"replay":true,"payload.format":true},"minimumVersion":"1.0","clientId":"…",'
        '"supportedConnectionTypes":["long-polling"],"channel":"/meta/handshake","id":"1","version":"1.0",'
        '"successful":true}]'
    )
    assert "BAYEUX_BROWSER" in reply.headers["Set-Cookie"]


async def test_connect_and_subscribe_replies(stream: Streamer) -> None:
    """salesforce.md 2.1: advice with the first connect only."""
    client = await stream.shaken()
    [first] = await client.connected()
    assert first["advice"] == {"interval": 0, "timeout": 110_000, "reconnect": "retry"}
    assert list(await client.subscribed()) == ["clientId", "channel", "id", "subscription", "successful"]
    [second] = await client.connected()
    assert "advice" not in second
    for kind in ("unsubscribe", "disconnect"):
        [done] = (await client(kind, subscription=CONTACTS)).json
        assert (done["channel"], done["successful"]) == (f"/meta/{kind}", True)


async def test_an_event(stream: Streamer) -> None:
    """salesforce.md 1.1, 1.2: ten header keys; channel as subscribed; numbers with more digits than doubles have."""
    client = await stream.shaken()
    await client.connected()
    await client.subscribed("/data/ChangeEvents")
    await stream.call.created("Contact", LastName="X", Engagement_Score__c=5, MailingCity="Austin")
    event, _reply = await client.connected(1_000)
    assert (list(event), event["channel"]) == (["data", "channel"], "/data/ChangeEvents")
    assert set(event["data"]) == {"schema", "payload", "event"}
    assert isinstance(event["data"]["event"]["replayId"], int)
    payload = event["data"]["payload"]
    header = payload.pop("ChangeEventHeader")
    assert set(header) == {
        "commitNumber", "commitUser", "sequenceNumber", "entityName", "changeType", "changedFields", "changeOrigin",
        "transactionKey", "commitTimestamp", "recordIds",
    }  # fmt: skip
    assert (header["changeType"], header["changedFields"], header["sequenceNumber"]) == ("CREATE", [], 1)
    assert len(str(header["commitNumber"])) == 19
    assert header["commitTimestamp"] % 1000 == 0
    assert (payload["Name"], payload["MailingAddress"]) == ({"LastName": "X"}, {"City": "Austin"})
    assert payload["Engagement_Score__c"] == 5.0
    assert not payload.keys() & {"Id", "IsDeleted", "SystemModstamp", "LastActivityDate", "PhotoUrl"}


async def test_events_of_a_change_and_a_deletion(stream: Streamer) -> None:
    """salesforce.md 1.3: changed fields only, a cleared one as null, the modifier only when it is another; no body."""
    record_id = await stream.call.created("Contact", LastName="X", Title="Boss")
    client = await stream.shaken()
    await client.connected()
    await client.subscribed()
    await stream.call("PATCH", f"/sobjects/Contact/{record_id}", {"Title": None, "FirstName": "Ann"})
    await stream.call("DELETE", f"/sobjects/Contact/{record_id}")
    update, deletion = [one["data"]["payload"] for one in (await client.connected(1_000))[:2]]
    header = update.pop("ChangeEventHeader")
    assert set(header["changedFields"]) == {"Title", "Name.FirstName", "LastModifiedDate"}
    assert update.keys() == {"Title", "Name", "LastModifiedDate"}
    assert (update["Title"], update["Name"]) == (None, {"FirstName": "Ann"})
    assert list(deletion) == ["ChangeEventHeader"]
    assert deletion["ChangeEventHeader"]["changeType"] == "DELETE"


async def test_who_changed_it(stream: Streamer) -> None:
    """salesforce.md 1.2, 5.3: the API, its version, and the client of Sforce-Call-Options."""
    client = await stream.shaken()
    await client.connected()
    await client.subscribed()
    body = {"LastName": "X"}
    await stream.call("POST", "/sobjects/Contact", body)
    await stream.call("POST", "/sobjects/Contact", body, Sforce_Call_Options="client=SegmentSync")
    origins = [
        one["data"]["payload"]["ChangeEventHeader"]["changeOrigin"] for one in (await client.connected(1_000))[:2]
    ]
    assert origins == ["com/salesforce/api/rest/62.0", "com/salesforce/api/rest/62.0;client=SegmentSync"]


async def test_a_token_that_is_dead(stream: Streamer) -> None:
    """salesforce.md 2.2 and 9F."""
    client = await stream.shaken()
    await client.connected()
    stream.call.org.tokens.revoke_all()
    [reply] = await client.connected()
    assert reply == {
        "clientId": client.client_id,
        "advice": {"interval": 0, "reconnect": "none"},
        "channel": "/meta/connect",
        "id": "1",
        "error": "401::Authentication invalid",
        "successful": False,
    }
    [denied] = (await stream("handshake", version="1.0")).json
    assert denied["error"] == "403::Handshake denied"
    assert denied["ext"]["sfdc"]["failureReason"] == "401::Authentication invalid"
    assert denied["advice"]["reconnect"] == "none"


async def test_a_handshake_without_a_token(stream: Streamer) -> None:
    """salesforce.md 2.2."""
    async with stream.call.http.post(
        f"{stream.call.org.base_url}/cometd/62.0", json=[{"channel": "/meta/handshake", "id": "1"}]
    ) as reply:
        [denied] = await reply.json()
    assert denied["ext"]["sfdc"]["failureReason"] == "401::Request requires authentication"


async def test_a_session_that_is_gone(stream: Streamer) -> None:
    """Answers 1: no clientId; the advice is to shake hands again."""
    client = await stream.shaken()
    await client.connected()
    stream.call.org.cometd_sessions.forget_all()
    reply = await client("connect", connectionType="long-polling")
    assert reply.text == (
        '[{"advice":{"interval":0,"reconnect":"handshake"},"channel":"/meta/connect","id":"1",'
        '"error":"403::Unknown client","successful":false}]'
    )


@pytest.mark.parametrize(
    ("channel", "replay", "error"),
    [
        (CONTACTS, 17, INVALID_REPLAY_ID),
        ("/data/NopeChangeEvent", -1, f"{NO_CHANNEL} {{/data/NopeChangeEvent}}"),
        ("/data/CampaignChangeEvent", -1, "403::User not allowed to subscribe CDC without required permissions"),
        ("data/ContactChangeEvent", -1, "400::Channel subscriptions must start with a leading '/'"),
    ],
)
async def test_refused_subscriptions(stream: Streamer, channel: str, replay: object, error: str) -> None:
    """salesforce.md 2.2; answers 1 for an object that is not selected."""
    client = await stream.shaken()
    await client.connected()
    refusal = await client.subscribed(channel, replay)
    assert (refusal["error"], refusal["successful"]) == (error, False)


async def test_a_replay_map_without_the_channel(stream: Streamer) -> None:
    """salesforce.md 2.2; EMP-Connector#39."""
    client = await stream.shaken()
    await client.connected()
    [refusal] = (await client("subscribe", subscription=CONTACTS, ext={"replay": {}})).json
    assert refusal["error"] == (
        f"400::The replayId for channel {{{CONTACTS}}} wasn't found using the provided replay ID map {{{{}}}}. Ensure "
        "that the channel name you provided in the replay map is valid and matches the channel name used for "
        "subscribing."
    )


async def test_versions_in_the_address(stream: Streamer) -> None:
    """Shapes 8."""
    call, handshake = stream.call, [{"channel": "/meta/handshake", "version": "1.0"}]
    without = await call("POST", "/services/../cometd", handshake)
    assert (without.status, without.json[0]["error"]) == (
        400, "400::API version in the URI is mandatory. URI format: '/cometd/66.0'",
    )  # fmt: skip
    old = await call("POST", "/services/../cometd/36.0", handshake)
    assert old.json[0]["error"] == (
        "400::Unsupported API version. Only API versions '37.0' and later are supported. URI format: '/cometd/66.0'"
    )


async def test_a_request_that_is_too_large(stream: Streamer) -> None:
    """salesforce.md 2.1: 32,768 bytes."""
    reply = await stream.call("POST", "/services/../cometd/62.0", b"[" + b" " * 32_768 + b"]")
    assert (reply.status, reply.text) == (413, "Maximum Request Size Exceeded")


async def test_limits(strict: RunningOrg, call: Caller) -> None:
    """salesforce.md 2.2 and 6.1: concurrent clients at the handshake, delivered events at connect and subscribe."""
    stream = Streamer(Caller(strict, call.http))
    client = await stream.shaken()
    [denied] = (await stream("handshake", version="1.0")).json
    assert denied["ext"]["sfdc"]["failureReason"] == "403::Organization concurrent user limit exceeded"
    await client.connected()
    await client.subscribed()
    for _ in range(2):
        await stream.call.created("Contact", LastName="X")
    await client.connected(1_000)
    [refusal] = await client.connected()
    assert refusal["error"] == "403::Organization total events daily limit exceeded"
    assert (await client.subscribed())["error"] == "403::Organization total events daily limit exceeded"


async def test_replay(stream: Streamer) -> None:
    """salesforce.md 1.10: -2 all that is retained, n what comes after n; ids are not contiguous."""
    for number in range(12):
        await stream.call.created("Contact", LastName=f"N{number}")
    client = await stream.shaken()
    await client.connected()
    await client.subscribed(CONTACTS, -2)
    events = (await client.connected(1_000))[:-1]
    ids = [one["data"]["event"]["replayId"] for one in events]
    assert (len(ids), ids) == (12, sorted(ids))
    assert {after - before for before, after in pairwise(ids)} != {1}
    again = await stream.shaken()
    await again.connected()
    await again.subscribed(CONTACTS, ids[6])
    assert [one["data"]["event"]["replayId"] for one in (await again.connected(1_000))[:-1]] == ids[7:]


async def test_several_messages_of_one_request(stream: Streamer) -> None:
    """Bayeux: a batch is answered in one body; a connect that comes with others does not wait."""
    client = await stream.shaken()
    await client.connected()
    base = {"clientId": client.client_id}
    batch = [
        base | {"channel": "/meta/subscribe", "id": "2", "subscription": CONTACTS},
        base | {"channel": "/meta/connect", "id": "3", "connectionType": "long-polling"},
    ]
    reply = await stream.call("POST", "/services/../cometd/62.0", batch)
    assert [one["id"] for one in reply.json] == ["2", "3"]
