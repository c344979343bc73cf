"""Serving an application over HTTP for as long as a context is open."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from workers.ports import Refused


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int, settings: str) -> AsyncIterator[int]:
    """Yields the port bound; requests under way are finished at the end. `settings`: prefix of the two, for messages.

    Raises Refused when the address cannot be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            why = _cannot_listen(host, port, error, settings)
            raise Refused(f"{why}: set {settings}_PORT to a free one, or 0 for any") from error
        bound: int = runner.addresses[0][1]
        yield bound
    finally:
        await runner.cleanup()


SHUTDOWN_SECONDS = 10.0
"""For requests under way; Kubernetes ends the process after 60."""


def _cannot_listen(host: str, port: int, error: OSError, settings: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use"
    return f"cannot listen on port {port} of {settings}_HOST {host} ({os.strerror(error.errno or 0).lower()})"
