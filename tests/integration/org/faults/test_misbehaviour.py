"""Faults on the wire: what a client meets over HTTP and CometD, and the ledger entry that each leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.faults.bayeux_errors import BAYEUX_ERRORS
from sandbox.org.server import serve
from tests.integration.org.caller import (
    ALL,
    COMETD,
    CONTACTS,
    DATA,
    PATIENCE_SECONDS,
    Caller,
    caller_of,
    create,
    struck,
    until,
)


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with await serve(OrgConfig()) as org:
        async for one in caller_of(org):
            yield one


@pytest.fixture
async def strict() -> AsyncIterator[Caller]:
    config = OrgConfig(concurrent_cometd_clients=1, daily_delivered_events=2, cookies_required=True)
    async with await serve(config) as org:
        async for one in caller_of(org):
            yield one


async def test_an_error_page(caller: Caller) -> None:
    await caller.plan("html-503", where={"path": DATA})
    reply = await caller.call("GET", f"{DATA}/sobjects")
    assert (reply.status, reply.content_type) == (503, "text/html")
    assert (await caller.call("GET", f"{DATA}/sobjects")).status == 200
    assert struck(caller) == {"html-503": 1}


@pytest.mark.parametrize(
    ("kind", "status", "code", "message"),
    [
        ("unauthorized", 401, "INVALID_SESSION_ID", "Session expired or invalid"),
        ("quota-exhausted", 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    ],
)
async def test_refusals(caller: Caller, kind: str, status: int, code: str, message: str) -> None:
    """Source: salesforce-answers 1 and 4."""
    await caller.plan(kind)
    reply = await caller.call("GET", f"{DATA}/limits")
    assert reply.status == status
    assert json.loads(reply.body) == [{"message": message, "errorCode": code}]


async def test_a_reset_before_the_request_is_handled(caller: Caller) -> None:
    await caller.plan("reset", where={"method": "POST", "path": DATA})
    with pytest.raises(aiohttp.ClientError):
        await caller.call("POST", f"{DATA}/sobjects/Contact", json={"LastName": "Doe"})
    assert caller.org.org.count("Contact") == 0


async def test_the_lost_reply_of_a_creation(caller: Caller) -> None:
    await caller.plan("lost-reply", where={"method": "POST", "path": DATA})
    with pytest.raises(aiohttp.ClientError):
        await caller.call("POST", f"{DATA}/sobjects/Contact", json={"LastName": "Doe"})
    assert caller.org.org.count("Contact") == 1


async def test_the_lost_reply_of_a_poll_that_was_open_before(caller: Caller) -> None:
    await caller.established(CONTACTS)
    poll = await caller.polling()
    await caller.plan("lost-reply", where={"path": COMETD})
    create(caller.org)
    with pytest.raises(aiohttp.ClientError):
        await poll


async def test_a_half_open_connection_answers_nothing(caller: Caller) -> None:
    await caller.plan("half-open", where={"path": DATA})
    silent = asyncio.create_task(caller.call("GET", f"{DATA}/limits"))
    await until(lambda: struck(caller) == {"half-open": 1})
    assert (await caller.call("GET", f"{DATA}/limits")).status == 200
    assert not silent.done()
    silent.cancel()


async def test_a_half_open_connection_may_end(caller: Caller) -> None:
    await caller.plan("half-open", where={"path": DATA}, settings={"seconds": 0.01})
    with pytest.raises(aiohttp.ClientError):
        # The client would send a GET again by itself.
        await caller.call("POST", f"{DATA}/sobjects/Contact", json={})


async def test_a_delay_only_delays(caller: Caller) -> None:
    await caller.plan("delay", settings={"seconds": 0.01})
    assert (await caller.call("GET", f"{DATA}/limits")).status == 200
    assert struck(caller) == {"delay": 1}


@pytest.mark.parametrize("silent", [False, True])
async def test_a_truncated_reply(caller: Caller, silent: bool) -> None:
    whole = (await caller.call("GET", f"{DATA}/sobjects")).body
    await caller.plan("truncated-reply", settings={"silent": silent})
    if silent:
        assert (await caller.call("GET", f"{DATA}/sobjects")).body == whole[: len(whole) // 2]
    else:
        with pytest.raises(aiohttp.ClientPayloadError):
            await caller.call("GET", f"{DATA}/sobjects")


@pytest.mark.parametrize("silent", [False, True])
async def test_a_truncated_bulk_result(caller: Caller, silent: bool) -> None:
    for name in ("A", "B", "C", "D"):
        create(caller.org, name)
    query = {"operation": "query", "query": "SELECT LastName FROM Contact"}
    job = (await caller.json("POST", f"{DATA}/jobs/query", json=query))["id"]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await caller.json("GET", f"{DATA}/jobs/query/{job}"))["state"] != "JobComplete":
            pass
    await caller.plan("truncated-reply", settings={"silent": silent})
    if silent:
        text = (await caller.call("GET", f"{DATA}/jobs/query/{job}/results")).body.decode()
        assert text.splitlines() == ['"LastName"', '"A"', '"B"']
    else:
        with pytest.raises(aiohttp.ClientPayloadError):
            await caller.call("GET", f"{DATA}/jobs/query/{job}/results")


async def test_a_locked_row(caller: Caller) -> None:
    create(caller.org)
    [row] = caller.org.org.rows("Contact")
    await caller.plan("row-lock", where={"object": "Contact"})
    reply = await caller.call("PATCH", f"{DATA}/sobjects/Contact/{row['Id']}", json={"Title": "x"})
    [error] = json.loads(reply.body)
    assert (reply.status, error["errorCode"]) == (400, "UNABLE_TO_LOCK_ROW")


@pytest.mark.parametrize("name", BAYEUX_ERRORS)
async def test_every_documented_error_can_be_planted(caller: Caller, name: str) -> None:
    """Source: salesforce.md 2.2 and 9 F, salesforce-shapes 8."""
    error = BAYEUX_ERRORS[name]
    await caller.established()
    await caller.plan("bayeux-error", settings={"name": name})
    kind = error.channels[0].removeprefix("/meta/")
    more = {"subscription": CONTACTS} if kind == "subscribe" else {}
    [reply] = await caller.bayeux(kind, **more)
    text = error.error.format(subscription=CONTACTS)
    assert (reply["channel"], reply["id"], reply["successful"], reply["error"]) == (f"/meta/{kind}", "7", False, text)
    assert reply.get("ext", {}).get("sfdc", {}).get("failureReason") == error.failure_reason
    assert reply.get("advice", {}).get("reconnect") == error.advice
    assert ("clientId" in reply) is error.names_client
    assert struck(caller) == {"bayeux-error": 1}
    gone = caller.org.cometd_sessions.find(caller.client_id) is None
    assert gone is error.ends_session


LITERALS = {
    "server-too-busy": "503::Server is too busy.  Please try your request again later.",
    "concurrent-user-limit": "403::Organization concurrent user limit exceeded",
}


@pytest.mark.parametrize(("name", "reason"), LITERALS.items())
async def test_reasons_hide_behind_another_error(caller: Caller, name: str, reason: str) -> None:
    await caller.handshake()
    await caller.plan("bayeux-error", settings={"name": name}, where={"channel": "/meta/handshake"})
    reply = await caller.handshake()
    assert reply["ext"] == {"sfdc": {"failureReason": reason}, "replay": True, "payload.format": True}


async def test_a_planted_error_may_bring_its_own_words_advice_and_status(caller: Caller) -> None:
    await caller.established()
    settings = {"error": "403::{odd}", "advice": "retry", "status": 403}
    await caller.plan("bayeux-error", settings=settings, where={"channel": "/meta/connect"})
    reply = await caller.call("POST", COMETD, json=[{"channel": "/meta/connect", "clientId": caller.client_id}])
    assert reply.status == 403
    [message] = json.loads(reply.body)
    assert (message["error"], message["advice"]) == ("403::{odd}", {"interval": 0, "reconnect": "retry"})


@pytest.mark.parametrize("name", ["unknown-client", "unknown-client-for-good"])
async def test_an_open_poll_meets_unknown_client(caller: Caller, name: str) -> None:
    await caller.established(CONTACTS)
    poll = await caller.polling()
    await caller.plan("bayeux-error", settings={"name": name})
    advice = {"interval": 0, "reconnect": BAYEUX_ERRORS[name].advice}
    assert await poll == [
        {"advice": advice, "channel": "/meta/connect", "id": "7", "error": "403::Unknown client", "successful": False}
    ]


@pytest.mark.parametrize(("version", "told"), [("66.0", True), ("62.0", False)])
async def test_the_server_may_disconnect(caller: Caller, version: str, told: bool) -> None:
    """Source: salesforce.md 2.1: from API 64.0 on."""
    handshake = [{"channel": "/meta/handshake", "version": "1.0"}]
    caller.client_id = (await caller.json("POST", f"/cometd/{version}", json=handshake))[0]["clientId"]
    await caller.bayeux("connect")
    poll = await caller.polling()
    await caller.plan("server-disconnect")
    channels = [reply["channel"] for reply in await poll]
    assert channels == (["/meta/disconnect", "/meta/connect"] if told else ["/meta/connect"])
    assert (await caller.bayeux("connect"))[0]["error"] == "403::Unknown client"


async def test_a_migrated_org_refuses_the_positions_of_its_clients(caller: Caller) -> None:
    create(caller.org)
    tip = caller.org.org.events.tip
    await caller.established(CONTACTS)
    poll = await caller.polling()
    assert (await caller.admin("events/migrate"))["forgotten"] == 1
    assert (await poll)[0]["error"] == "403::Unknown client"
    await caller.established()
    [reply] = await caller.bayeux("subscribe", subscription=CONTACTS, ext={"replay": {CONTACTS: tip}})
    assert reply["error"].startswith(f"400::The replayId {{{tip}}} you provided was invalid.  ")
    assert struck(caller) == {"org-migration": 1}


async def test_limits_and_cookies_are_enforced_when_asked_for(strict: Caller) -> None:
    """Source: salesforce.md 6.1; cookies: 2.2."""
    await strict.handshake()
    [refused] = await strict.bayeux("connect")
    assert refused["error"] == (
        f"400::Client {strict.client_id} has established a session, but no BAYEUX_BROWSER cookie present"
    )
    other = await strict.handshake()
    assert other["ext"]["sfdc"]["failureReason"] == "403::Organization concurrent user limit exceeded"


async def test_the_daily_limit_of_deliveries() -> None:
    async with await serve(OrgConfig(daily_delivered_events=1)) as org:
        async for caller in caller_of(org):
            await caller.established(CONTACTS)
            create(org)
            create(org)
            assert [one["channel"] for one in await caller.bayeux("connect")][:2] == [CONTACTS, CONTACTS]
            exceeded = "403::Organization total events daily limit exceeded"
            assert (await caller.bayeux("connect"))[0]["error"] == exceeded
            assert (await caller.bayeux("subscribe", subscription=ALL))[0]["error"] == exceeded
            await caller.admin("cometd/reset-delivered")
            assert (await caller.bayeux("subscribe", subscription=ALL))[0]["successful"]


async def test_a_subscription_before_the_handshake(caller: Caller) -> None:
    [reply] = await caller.json("POST", COMETD, json=[{"channel": "/meta/subscribe", "subscription": CONTACTS}])
    assert reply["error"] == "403::Client has not completed handshake"


async def test_time_travel_ages_events(caller: Caller) -> None:
    create(caller.org)
    tip = caller.org.org.events.tip
    await caller.admin("clock", offset_seconds=73 * 3600)
    await caller.established()
    [reply] = await caller.bayeux("subscribe", subscription=CONTACTS, ext={"replay": {CONTACTS: tip}})
    assert not reply["successful"]


async def test_a_stalled_stream(caller: Caller) -> None:
    await caller.established(CONTACTS)
    await caller.admin("cometd/stall", on=True)
    create(caller.org)
    assert [one["channel"] for one in await caller.bayeux("connect", advice={"timeout": 0})] == ["/meta/connect"]
    poll = await caller.polling()
    await caller.admin("cometd/stall", on=False)
    assert [one["channel"] for one in await poll] == [CONTACTS, "/meta/connect"]


async def test_faults_in_the_ledger_and_in_the_overview(caller: Caller) -> None:
    await caller.plan("late-event")
    create(caller.org)
    await caller.plan("reset", times=0, share=0.5, where={"path": "/nowhere"})
    lines = (await caller.call("GET", "/__admin__/ledger?after=2")).body.decode().splitlines()
    [fault, commit] = [json.loads(line) for line in lines]
    assert (fault["kind"], fault["fault"], fault["replayIds"]) == ("fault", "late-event", {})
    assert (commit["kind"], commit["replayIds"], commit["changeType"]) == ("commit", {}, None)
    overview = await caller.json("GET", "/__admin__/faults")
    assert overview["struck"] == {"late-event": 1}
    assert overview["heldEvents"] == 1
    [planned] = overview["planned"]
    assert (planned["kind"], planned["remaining"], planned["share"]) == ("reset", None, 0.5)
    assert await caller.json("DELETE", f"/__admin__/faults/{planned['number']}") == {"removed": 1}
    assert await caller.admin("events/release") == {"released": 1}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {}),
        ("faults", {"kind": "nonsense"}),
        ("faults", {"kind": "reset", "share": "x"}),
        ("faults", {"kind": "reset", "where": []}),
        ("faults", {"kind": "bayeux-error"}),
        ("clock", {}),
        ("permissions", {"object": "Nothing"}),
        ("records/merge", {"object": "Contact", "winner": "x", "losers": ["y"]}),
        ("records/merge", {"object": "Contact", "winner": "x"}),
        ("records/convert", {"lead": "x"}),
        ("records/hard-delete", {"object": "Contact"}),
    ],
)
async def test_admin_calls_that_make_no_sense(caller: Caller, path: str, body: dict[str, object]) -> None:
    reply = await caller.call("POST", f"/__admin__/{path}", json=body)
    assert reply.status == 400
    assert json.loads(reply.body).keys() == {"error"}


async def test_records_are_merged_converted_and_purged(caller: Caller) -> None:
    for name in ("A", "B"):
        create(caller.org, name)
    winner, loser = [str(row["Id"]) for row in caller.org.org.rows("Contact")]
    body = {"object": "Contact", "winner": winner, "losers": [loser], "fields": {"Title": "Boss"}}
    assert await caller.admin("records/merge", **body) == {"winner": winner, "merged": 1}
    assert await caller.admin("records/hard-delete", object="Contact", ids=[loser]) == {"deleted": 1}
    assert caller.org.org.count("Contact", deleted=True) == 0
    lead = (await caller.json("POST", f"{DATA}/sobjects/Lead", json={"LastName": "L", "Company": "C"}))["id"]
    converted = await caller.admin("records/convert", lead=lead)
    assert caller.org.org.get("Opportunity", converted["opportunity"]) is not None


async def test_permissions_over_admin(caller: Caller) -> None:
    assert await caller.admin("permissions", object="contact", view_all=False) == {"forbidden": ["Contact"]}
    await caller.established(ALL)
    [reply] = await caller.bayeux("subscribe", subscription=CONTACTS)
    assert reply["error"] == "403::User not allowed to subscribe CDC without required permissions"


async def test_the_permission_tables_tell_what_was_taken_away(caller: Caller) -> None:
    async def granted() -> dict[str, bool]:
        sets = await caller.json("GET", f"{DATA}/query?q=SELECT+PermissionsViewAllData+FROM+PermissionSet")
        rows = await caller.json(
            "GET", f"{DATA}/query?q=SELECT+SobjectType,PermissionsViewAllRecords+FROM+ObjectPermissions"
        )
        everything = any(row["PermissionsViewAllData"] for row in sets["records"])
        held = {row["SobjectType"] for row in rows["records"] if row["PermissionsViewAllRecords"]}
        return {"everything": everything} | {name: name in held for name in ("Contact", "Lead", "Account")}

    before = await granted()
    assert all(before.values())
    await caller.admin("permissions", object="contact", view_all=False)
    assert await granted() == {"everything": False, "Contact": False, "Lead": True, "Account": True}
    await caller.admin("permissions", object="Lead", view_all=False)
    await caller.admin("permissions", object="Lead", view_all=False)
    await caller.admin("permissions", object="Contact", view_all=True)
    assert await granted() == {"everything": False, "Contact": True, "Lead": False, "Account": True}
    await caller.admin("permissions", object="Lead", view_all=True)
    assert await granted() == before
