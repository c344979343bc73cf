"""Faults of the HTTP surface: what a request meets before its handler, and what its reply suffers on the way back."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox.org.faults.plan import FaultPlan, FaultSpec
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.wire import TRUNCATE, invalid_session, quota_exhausted
from sandbox.org.limits.stats import path_class

_BEFORE = ("delay", "half-open", "reset", "html-503", "unauthorized", "quota-exhausted")
_ERROR_PAGE = (
    "<html><head><title>Service Unavailable</title></head><body><h1>Service Unavailable</h1>"
    "<p>Our service is not available at the moment.</p></body></html>"
)
# SO_LINGER on, 0 seconds: closing sends RST instead of FIN.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_DEFAULT_DELAY_SECONDS = 1.0


def http_faults(plan: FaultPlan) -> Middleware:
    @web.middleware
    async def misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(ADMIN_PREFIX):
            return await handler(request)
        response = None if plan.idle else await _struck_before(plan, request, handler)
        if response is not None:
            return response
        response = await handler(request)
        # Also what was planned since the request came: polls are open for minutes.
        if not plan.idle and plan.take("lost-reply", **_occasion(request)) is not None:
            _reset(request)
        return response

    return misbehave


def _occasion(request: web.Request) -> dict[str, str]:
    return {"path": request.path, "method": request.method, "surface": path_class(request.path)}


async def _struck_before(plan: FaultPlan, request: web.Request, handler: Handler) -> web.StreamResponse | None:
    """What the request is answered when a fault strikes it on its way in."""
    occasion = _occasion(request)
    before = plan.take(*_BEFORE, **occasion)
    answer = None if before is None else await _STRIKES[before.kind](request, before)
    if answer is not None:
        return answer
    truncation = plan.take("truncated-reply", **occasion)
    if truncation is not None:
        return await _truncated(request, handler, truncation)
    if plan.take("duplicate-request", **occasion) is not None:
        # Bodies are read once and kept.
        await request.read()
        await handler(request)
    return None


async def _delay(_request: web.Request, fault: FaultSpec) -> None:
    await asyncio.sleep(fault.seconds(_DEFAULT_DELAY_SECONDS))


async def _half_open(request: web.Request, fault: FaultSpec) -> web.Response:
    """Silence until the client hangs up, which cancels this handler, or for the seconds asked for."""
    try:
        async with asyncio.timeout(fault.seconds(0) or None):
            await asyncio.Event().wait()
    except TimeoutError:
        _reset(request)
    return web.Response(status=503)


async def _reset_before(request: web.Request, _fault: FaultSpec) -> web.Response:
    _reset(request)
    return web.Response(status=503)


async def _html_503(_request: web.Request, fault: FaultSpec) -> web.Response:
    status = fault.settings.get("status", 503)
    return web.Response(status=status if isinstance(status, int) else 503, text=_ERROR_PAGE, content_type="text/html")


async def _unauthorized(_request: web.Request, _fault: FaultSpec) -> web.Response:
    return invalid_session()


async def _quota(_request: web.Request, _fault: FaultSpec) -> web.Response:
    return quota_exhausted()


_STRIKES: dict[str, Callable[[web.Request, FaultSpec], Awaitable[web.Response | None]]] = {
    "delay": _delay,
    "half-open": _half_open,
    "reset": _reset_before,
    "html-503": _html_503,
    "unauthorized": _unauthorized,
    "quota-exhausted": _quota,
}


def _reset(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


async def _truncated(request: web.Request, handler: Handler, fault: FaultSpec) -> web.StreamResponse:
    """Half of the body, then the connection closes; or, silently, half of the body as if it were all."""
    request[TRUNCATE] = "silently" if fault.settings.get("silent") else "visibly"
    response = await handler(request)
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    whole = response.body
    half = whole[: len(whole) // 2]
    if fault.settings.get("silent"):
        response.body = half
        return response
    cut = web.StreamResponse(status=response.status, headers=response.headers)
    cut.content_length = len(whole)
    await cut.prepare(request)
    await cut.write(half)
    if request.transport is not None:
        request.transport.close()
    return cut
