"""/livez, /readyz and /metrics over HTTP. Answering at all shows that the event loop turns."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from workers.ports import Refused


@asynccontextmanager
async def health_server(host: str, port: int | None, ready: Callable[[], bool]) -> AsyncIterator[int | None]:
    """Serve while the context is open; yields the port bound, None when no port is set."""
    if port is None:
        yield None
        return
    runner = web.AppRunner(application(ready), access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise Refused(f"{cannot_listen(host, port, error)}: set HEALTH_PORT to a free one, or 0 for any") from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use"
    return f"cannot listen on port {port} of HEALTH_HOST {host} ({os.strerror(error.errno or 0).lower()})"


def application(ready: Callable[[], bool]) -> web.Application:
    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if ready() else web.Response(status=503, text="not ready\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app
