"""Faults on the wire: the stream ends with a reason, and hands on nothing that lies behind a gap."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import pytest
from aiohttp import web

from tests.support.waiting import until
from workers.adapters.salesforce import cometd, cometd_inbox
from workers.adapters.salesforce.cometd import CometdStream, Handshakes
from workers.adapters.salesforce.http import Request, exchange, open_session
from workers.adapters.salesforce.tokens import Tokens
from workers.ports import StreamBatch, StreamEnded, Unavailable

from .scripted_bayeux import Bayeux, Dropped, FakeTokens, Message, Poll, event, quiet, serving


class Clock:
    def now_ms(self) -> int:
        return 0


async def heard(tokens: FakeTokens, into: list[str], *, enough: int | None = None) -> None:
    """Collect replay ids until the stream raises, or there are enough."""
    stream = CometdStream(cast("Tokens", tokens), Clock(), Handshakes())
    events = cast("AsyncGenerator[StreamBatch]", stream.events({"contact": "7"}))
    async with asyncio.timeout(15), aclosing(events):
        async for batch in events:
            into += [one.replay_id for one in batch.events]
            if enough is not None and len(into) >= enough:
                return


async def ends_with(poll: Poll, error: type[Exception], text: str, timeout_ms: int = 5_000) -> tuple[list[str], Bayeux]:
    server, seen = Bayeux(poll, timeout_ms), list[str]()
    async with serving(server) as tokens:
        with pytest.raises(error, match=text):
            await heard(tokens, seen)
    return seen, server


def after_first(failing: object) -> Poll:
    """One good poll, then the failure, then events that lie behind the gap."""

    async def poll(number: int) -> object:
        if number == 1:
            return [event(1), event(2)]
        if number > 2:
            return [event(number)]
        if isinstance(failing, Exception):
            raise failing
        return failing

    return poll


async def test_a_lost_reply_ends_the_stream() -> None:
    seen, _ = await ends_with(after_first(Dropped()), Unavailable, "does not answer the change stream at 127.0.0.1")
    assert seen == ["1", "2"]


async def test_a_page_instead_of_a_reply_ends_the_stream() -> None:
    page = web.Response(status=503, text="<html>busy</html>", content_type="text/html")
    seen, _ = await ends_with(after_first(page), Unavailable, "acme|127.0.0.1")
    assert seen == ["1", "2"]


@pytest.mark.parametrize("odd", [{"error": "x"}, "text", 5, None])
async def test_json_that_is_no_bayeux_ends_the_stream(odd: object) -> None:
    reply = web.json_response(odd)
    seen, _ = await ends_with(after_first(reply), Unavailable, "something else than Bayeux")
    assert seen == ["1", "2"]


async def test_a_broken_reply_ends_the_stream() -> None:
    reply = web.Response(text='[{"channel":', content_type="application/json")
    seen, _ = await ends_with(after_first(reply), Unavailable, r"acme|127\.0\.0\.1")
    assert seen == ["1", "2"]


async def test_an_expired_token_at_the_gateway_is_not_used_again() -> None:
    reply = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    server = Bayeux(after_first(web.json_response(reply, status=401)))
    async with serving(server) as tokens:
        with pytest.raises(Unavailable):
            await heard(tokens, [])
    assert [access.token for access in tokens.discarded] == ["token-0"]


async def test_a_goodbye_from_the_server_ends_the_stream() -> None:
    seen, _ = await ends_with(after_first([{"channel": "/meta/disconnect", "id": "x"}]), Unavailable, "ended")
    assert seen[:2] == ["1", "2"]


async def test_a_busy_consumer_is_not_handed_what_came_behind_the_gap() -> None:
    server = Bayeux(after_first([{"channel": "/meta/disconnect", "id": "x"}]))
    async with serving(server) as tokens:
        stream = CometdStream(cast("Tokens", tokens), Clock(), Handshakes()).events({})
        events = cast("AsyncGenerator[StreamBatch]", stream)
        async with asyncio.timeout(15), aclosing(events):
            assert not (await anext(events)).events
            while server.polls < 10:  # noqa: ASYNC110 - the server goes on delivering while nobody listens
                await asyncio.sleep(0.01)
            assert [one.replay_id for one in (await anext(events)).events] == ["1", "2"]
            with pytest.raises(Unavailable):
                await anext(events)


async def test_a_server_that_stops_answering_is_noticed() -> None:
    await ends_with(quiet, Unavailable, "acme|127.0.0.1", timeout_ms=200)


async def test_a_handshake_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cometd, "OPEN_SECONDS", 0.2)

    class Deaf(Bayeux):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

    async with serving(Deaf(quiet)) as tokens:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
            await heard(tokens, [])


async def test_a_redirect_is_not_followed() -> None:
    redirect = web.Response(status=302, headers={"Location": "/elsewhere"})
    _, server = await ends_with(after_first(redirect), Unavailable, r"127\.0\.0\.1")
    assert server.strayed == 0


async def test_a_redirected_call_is_not_followed() -> None:
    server = Bayeux(quiet)
    async with serving(server) as tokens, open_session() as session:
        reply = await exchange(session, Request("GET", tokens.url + "/redirecting"))
    assert (reply.status, server.strayed) == (302, 0)


async def test_a_slow_consumer_gets_every_event_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cometd_inbox, "PENDING_EVENTS", 10)

    async def poll(number: int) -> list[Message]:
        return [event(100 * number + offset) for offset in range(50)] if number <= 10 else await quiet(number)

    seen: list[str] = []
    async with serving(Bayeux(poll)) as tokens:
        await heard(tokens, seen, enough=500)
    assert seen == [str(100 * number + offset) for number in range(1, 11) for offset in range(50)]


async def test_an_event_without_a_replay_id_does_not_move_the_position() -> None:
    async def poll(number: int) -> list[Message]:
        broken: list[Message] = [{"channel": event(1)["channel"], "data": "odd"}]
        return {1: broken, 2: [event(9)], 3: broken}.get(number) or await quiet(number)

    seen: list[str] = []
    async with serving(Bayeux(poll)) as tokens:
        await heard(tokens, seen, enough=3)
    assert seen == ["7", "9", "9"]


async def test_an_event_nobody_asked_for_is_refused() -> None:
    odd = {"channel": "/data/OtherChangeEvent", "data": {}}
    await ends_with(after_first([odd]), StreamEnded, "/data/OtherChangeEvent")


async def test_positions_go_out_as_numbers_and_none_as_new_events_only() -> None:
    server = Bayeux(after_first([]))
    async with serving(server) as tokens:
        await heard(tokens, [], enough=1)
    replay = [message["ext"]["replay"] for message in server.seen if message["channel"] == "/meta/subscribe"]
    assert replay == [
        {"/data/ContactChangeEvent": 7},
        {"/data/LeadChangeEvent": -1},
        {"/data/AccountChangeEvent": -1},
    ]


async def test_a_session_that_is_cancelled_while_it_says_goodbye_leaves_nothing_open() -> None:
    goodbyes = asyncio.Event()

    class Deaf(Bayeux):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            if "/meta/disconnect" in await request.text():
                goodbyes.set()
                await asyncio.Event().wait()
            return await super().handle(request)

    server = Deaf(quiet)
    async with serving(server) as tokens:
        listening = asyncio.create_task(heard(tokens, []))
        await until(lambda: server.polls >= 1)
        listening.cancel()
        await goodbyes.wait()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        del listening
        gc.collect()  # an HTTP session that was left open is a warning, and warnings are errors
