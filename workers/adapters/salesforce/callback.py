"""Where the browser comes back to after the login: a page on the loopback interface that takes the code."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from workers.ports import Refused, Unavailable

PATH = "/oauth/callback"
LOGIN_SECONDS = 600
"""Time to type a password and a verification code."""


class Callback:
    """One login under way: give `redirect_uri` and `state` to the authorize URL, then await `code()`."""

    def __init__(self) -> None:
        self.state = secrets.token_urlsafe(24)
        self.redirect_uri = ""
        self._code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def code(self) -> str:
        """Raises Refused when the user denied or the state is another's, Unavailable when nobody came back."""
        try:
            return await asyncio.wait_for(self._code, LOGIN_SECONDS)
        except TimeoutError:
            raise Unavailable(f"nobody logged in within {LOGIN_SECONDS // 60} minutes") from None

    async def receive(self, request: web.Request) -> web.Response:
        query = request.query
        if not secrets.compare_digest(query.get("state", "").encode(), self.state.encode()):
            return web.Response(status=400, text="This page belongs to another login. Start again.\n")
        if self._code.done():
            return web.Response(status=400, text="This login is already finished.\n")
        if "code" not in query:
            reason = query.get("error_description") or query.get("error") or "no code"
            self._code.set_exception(Refused(f"Salesforce did not authorise the connection: {reason}"))
            return web.Response(status=400, text=f"Not connected: {reason}\n")
        self._code.set_result(query["code"])
        return web.Response(text="Connected. You can close this page.\n")


@asynccontextmanager
async def listen(port: int) -> AsyncIterator[Callback]:
    callback = Callback()
    app = web.Application()
    app.router.add_get(PATH, callback.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            raise Refused(f"port {port} is in use: give another with --callback-port") from error
        callback.redirect_uri = f"http://localhost:{runner.addresses[0][1]}{PATH}"
        yield callback
    finally:
        await runner.cleanup()
