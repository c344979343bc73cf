"""One listener for the orgs of a fleet: every request goes to its org, the rest to the fleet's own pages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from yarl import URL

from sandbox.org.config import OrgConfig
from sandbox.org.fleet.admin import fleet_application
from sandbox.org.fleet.orgs import Fleet, Member
from sandbox.org.http.addresses import BASE_PATH
from sandbox.org.server import MAX_BODY_BYTES, SHUTDOWN_SECONDS, RunningOrg, hang_up, listen, transports_of

_MEMBER = web.RequestKey("member", Member)


def _below(message: RawRequestMessage, base: str) -> RawRequestMessage:
    """The request as the org itself would have got it."""
    if not base or not message.path.startswith(base):
        return message
    target = message.path[len(base) :]
    target = target if target.startswith("/") else f"/{target}"
    path, _, query = target.partition("?")
    # Not parsed as a whole: clients send double slashes, and what follows those would be taken for a host.
    return message._replace(path=target, url=URL.build(path=path, query_string=query, encoded=True))


class Front:
    """What listens: hands every request to its org, and the rest to the fleet's own pages."""

    def __init__(self, fleet: Fleet, own: web.AppRunner) -> None:
        self._fleet = fleet
        self._own = own
        self._loop = asyncio.get_running_loop()

    def make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.Request:
        member, base = self._fleet.find(message)
        asked = _below(message, base) if member is not None else message
        request = web.Request(asked, payload, protocol, writer, task, self._loop, client_max_size=MAX_BODY_BYTES)
        if member is not None:
            request[_MEMBER] = member
            request[BASE_PATH] = base
        return request

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        member = request.get(_MEMBER)
        if member is not None:
            return await (await self._fleet.opened(member)).handle(request)
        server = self._own.server
        assert server is not None
        return await server.request_handler(request)


@dataclass(slots=True)
class RunningFleet:
    """A fleet that serves; close it, or use it as an async context manager."""

    fleet: Fleet
    base_url: str
    _front: web.ServerRunner = field(repr=False)
    _own: web.AppRunner = field(repr=False)

    async def open(self, name: str) -> RunningOrg:
        """The org of that name. KeyError when there is none."""
        return await self.fleet.open(name)

    async def close(self) -> None:
        """Stop listening, answer the open polls of every org, and go."""
        for site in list(self._front.sites):
            await site.stop()
        transports = transports_of(self._front.server)
        for member in self.fleet:
            if member.running is not None:
                await member.running.close()
        await self._front.cleanup()
        await self._own.cleanup()
        await hang_up(transports)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.close()


async def serve_fleet(orgs: Mapping[str, OrgConfig], where: OrgConfig) -> RunningFleet:
    """Serve the orgs where ``where`` says: host, port, certificate. OSError and ValueError as for one org."""
    fleet = Fleet(orgs)
    own = web.AppRunner(fleet_application(fleet, where), access_log=None)
    await own.setup()
    front = Front(fleet, own)
    server = web.Server(
        front.handle,
        request_factory=front.make_request,
        handler_cancellation=True,
        access_log=None,
    )
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    fleet.base_url = await listen(runner, where)
    return RunningFleet(fleet, fleet.base_url, runner, own)
