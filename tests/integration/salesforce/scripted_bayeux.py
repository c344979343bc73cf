"""A CometD server that does what a test tells it, also what no server should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from schemas.documents import Connection
from workers.adapters.salesforce.tokens import Access

Message = dict[str, Any]
Poll = Callable[[int], Awaitable[Any]]
CHANNEL = "/data/ContactChangeEvent"


class Dropped(Exception):
    """Close the connection without a reply."""


@dataclass
class FakeTokens:
    """Hands out numbered tokens."""

    url: str
    renewals: int = 0
    discarded: list[Access] = field(default_factory=list)

    @property
    def connection(self) -> Connection:
        fields = {"org_id": "00D", "client_id": "c", "grant": "client_credentials", "secret": "s", "connected_at_ms": 1}
        return Connection.model_validate({"team": "acme", "instance_url": self.url, "login_url": self.url, **fields})

    async def access(self) -> Access:
        return Access(f"token-{self.renewals}", self.url)

    async def renew(self, stale: Access) -> Access:
        self.renewals += 1
        return await self.access()

    def discard(self, stale: Access) -> None:
        self.discarded.append(stale)


@dataclass
class Bayeux:
    """`poll(n)` makes the reply to the n-th connect after the first: a list of messages besides the connect reply,
    or any other JSON value, or a `web.Response`, or it raises `Dropped`."""

    poll: Poll
    advised_timeout_ms: int = 5_000
    seen: list[Message] = field(default_factory=list)
    polls: int = -1
    strayed: int = 0
    """Requests that followed a redirect."""

    async def elsewhere(self, _request: web.Request) -> web.Response:
        self.strayed += 1
        return web.json_response([])

    async def handle(self, request: web.Request) -> web.StreamResponse:
        payload = await request.json()
        self.seen += payload
        replies: list[Message] = []
        for message in payload:
            if message["channel"] == "/meta/connect":
                self.polls += 1
                try:
                    extra = [] if self.polls == 0 else await self.poll(self.polls)
                except Dropped:
                    assert request.transport is not None
                    request.transport.abort()
                    raise
                if isinstance(extra, web.StreamResponse):
                    return extra
                if not isinstance(extra, list):
                    return web.json_response(extra)
                replies += extra
            replies.append(self._success(message))
        return web.json_response(replies)

    def _success(self, message: Message) -> Message:
        reply = {"channel": message["channel"], "id": message["id"], "successful": True, "clientId": "c1"}
        if message["channel"] == "/meta/handshake":
            reply["supportedConnectionTypes"] = ["long-polling"]
        if message["channel"] == "/meta/subscribe":
            reply["subscription"] = message["subscription"]
        if message["channel"] == "/meta/connect" and self.polls == 0:
            reply["advice"] = {"interval": 0, "timeout": self.advised_timeout_ms, "reconnect": "retry"}
        return reply


def event(number: int) -> Message:
    return {"channel": CHANNEL, "data": {"payload": {"n": number}, "event": {"replayId": number}}}


async def quiet(_poll: int) -> list[Message]:
    await asyncio.Event().wait()
    return []


async def redirecting(_request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


@asynccontextmanager
async def serving(server: Bayeux) -> AsyncIterator[FakeTokens]:
    app = web.Application()
    app.router.add_post("/cometd/62.0", server.handle)
    app.router.add_route("*", "/elsewhere", server.elsewhere)
    app.router.add_get("/redirecting", redirecting)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield FakeTokens(f"http://{host}:{port}")
    finally:
        await runner.cleanup()
