"""/livez, /readyz and /metrics over HTTP. Answering at all shows that the event loop turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from workers.adapters.http_server import serving


@asynccontextmanager
async def health_server(host: str, port: int | None, ready: Callable[[], bool]) -> AsyncIterator[int | None]:
    """Serve while the context is open; yields the port bound, None when no port is set."""
    if port is None:
        yield None
        return
    async with serving(application(ready), host, port, "HEALTH") as bound:
        yield bound


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
