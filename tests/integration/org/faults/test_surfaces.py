"""Faults of delivery, of the clock and of allocations, as a client meets them, each with its ledger entry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import serve
from tests.integration.org.caller import CONTACTS, DATA, Caller, caller_of, create, struck


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with await serve(OrgConfig(access_token_lifetime_seconds=7200)) as org:
        async for one in caller_of(org):
            yield one


def names(replies: list[dict[str, Any]]) -> list[str]:
    return [reply["data"]["payload"]["Name"]["LastName"] for reply in replies if "data" in reply]


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("lost-delivery", [], []),
        ("repeated-delivery", ["A", "B", "A", "B"], []),
        ("shuffled-delivery", ["B", "A"], []),
    ],
)
async def test_what_happens_to_the_events_of_a_reply(
    caller: Caller, kind: str, first: list[str], second: list[str]
) -> None:
    await caller.established(CONTACTS)
    await caller.plan(kind)
    create(caller.org, "A")
    create(caller.org, "B")
    assert names(await caller.bayeux("connect")) == first
    assert names(await caller.bayeux("connect", advice={"timeout": 0})) == second
    assert struck(caller) == {kind: 1}


async def test_a_stored_replay_id_is_refused_as_if_it_had_expired(caller: Caller) -> None:
    """Source: salesforce 2.2, byte for byte with its two blanks."""
    await caller.established()
    create(caller.org)
    tip = caller.org.org.events.tip
    await caller.plan("expired-replay-id")
    [reply] = await caller.bayeux("subscribe", subscription=CONTACTS, ext={"replay": {CONTACTS: tip}})
    assert reply["error"] == (
        f"400::The replayId {{{tip}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
        "or -1 to replay only new events."
    )
    for replay in (tip, -2):
        [reply] = await caller.bayeux("subscribe", subscription=CONTACTS, ext={"replay": {CONTACTS: replay}})
        assert reply["successful"]
    assert struck(caller) == {"expired-replay-id": 1}


async def test_expiring_what_is_retained(caller: Caller) -> None:
    await caller.established()
    create(caller.org)
    tip = caller.org.org.events.tip
    assert (await caller.admin("events/expire"))["expired"] == 1
    [reply] = await caller.bayeux("subscribe", subscription=CONTACTS, ext={"replay": {CONTACTS: tip}})
    assert not reply["successful"]


async def test_a_late_event_comes_by_itself(caller: Caller) -> None:
    await caller.established(CONTACTS)
    await caller.plan("late-event", settings={"seconds": 3600})
    create(caller.org, "Late")
    poll = await caller.polling()
    await caller.admin("clock", advance_seconds=3601)
    assert names(await poll) == ["Late"]
    assert struck(caller) == {"late-event": 1, "clock": 1, "event-published-late": 1}


async def test_a_late_event_comes_after_its_seconds(caller: Caller) -> None:
    await caller.established(CONTACTS)
    await caller.plan("late-event", settings={"seconds": 0.05})
    create(caller.org, "Late")
    assert names(await caller.bayeux("connect")) == ["Late"]


async def test_a_request_that_is_carried_out_twice(caller: Caller) -> None:
    await caller.plan("duplicate-request", where={"method": "POST"})
    reply = await caller.call("POST", f"{DATA}/sobjects/Contact", json={"LastName": "Twice"})
    assert reply.status == 201
    twice = [row for row in caller.org.org.rows("Contact") if row.get("LastName") == "Twice"]
    assert len(twice) == 2


async def test_faults_of_one_surface(caller: Caller) -> None:
    await caller.plan("html-503", where={"surface": "query"})
    assert (await caller.call("GET", f"{DATA}/limits")).status == 200
    assert (await caller.call("GET", f"{DATA}/query", params={"q": "SELECT Id FROM Lead"})).status == 503


async def test_a_migration_ends_the_sessions(caller: Caller) -> None:
    await caller.established(CONTACTS)
    await caller.plan("org-migration")
    create(caller.org)
    [reply] = await caller.bayeux("connect")
    assert (reply["error"], reply["advice"]["reconnect"]) == ("403::Unknown client", "handshake")


@pytest.mark.parametrize(
    "travel", [{"advance_seconds": 7201}, {"offset_seconds": 7201}, {"at": "2099-01-01T00:00:00+02:00"}]
)
async def test_time_travel_ends_the_token_of_an_open_poll(caller: Caller, travel: dict[str, object]) -> None:
    await caller.established(CONTACTS)
    poll = await caller.polling()
    await caller.admin("clock", **travel)
    [reply] = await poll
    assert reply["error"] == "401::Authentication invalid"


@pytest.mark.parametrize("body", [{"rate": -1}, {"rate": "fast"}, {"at": "yesterday"}, {"advance_seconds": None}])
async def test_clocks_that_make_no_sense(caller: Caller, body: dict[str, object]) -> None:
    assert (await caller.call("POST", "/__admin__/clock", json=body)).status == 400


async def test_a_clock_that_runs_faster(caller: Caller) -> None:
    assert (await caller.admin("clock", rate=1e6))["rate"] == 1e6
    assert (await caller.admin("clock", rate=0))["offset_seconds"] > 0


async def test_daily_allocations_roll_with_the_orgs_clock() -> None:
    config = OrgConfig(daily_api_requests=2, daily_delivered_events=1)
    async with await serve(config) as org:
        async for caller in caller_of(org):
            await caller.established(CONTACTS)
            create(org)
            await caller.bayeux("connect")
            assert (await caller.bayeux("connect"))[0]["error"] == "403::Organization total events daily limit exceeded"
            answers = [await caller.call("GET", f"{DATA}/limits") for _ in range(3)]
            assert [answer.status for answer in answers] == [200, 200, 403]
            await caller.admin("clock", advance_seconds=24 * 3600)
            limits = await caller.json("GET", f"{DATA}/limits")
            assert (limits["DailyApiRequests"]["Remaining"], limits["DailyDeliveredPlatformEvents"]["Remaining"]) == (
                1,
                1,
            )
            assert (await caller.bayeux("subscribe", subscription=CONTACTS))[0]["successful"]


async def test_replies_are_dated_by_the_orgs_clock(caller: Caller) -> None:
    await caller.admin("clock", at="2030-01-01T00:00:00Z", rate=0)
    reply = await caller.call("GET", f"{DATA}/limits")
    assert reply.headers["Date"] == "Tue, 01 Jan 2030 00:00:00 GMT"
