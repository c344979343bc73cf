"""What happens around every handler: outages, sessions, errors in Salesforce's form, and the common headers."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox.org.admin import Outage
from sandbox.org.admin_forms import PREFIX as ADMIN_PREFIX
from sandbox.org.config import OrgConfig
from sandbox.org.sessions import Sessions
from sandbox.org.stats import Stats
from sandbox.org.wire import USER_ID, MalformedBodyError, invalid_session, not_found, quota_exhausted, routing_error

_DATA = "/services/data/"
_OUTAGE_PAGE = "<html><head><title>Service Unavailable</title></head><body><h1>Service Unavailable</h1></body></html>"


def outages(outage: Outage) -> Middleware:
    @web.middleware
    async def during_outage(request: web.Request, handler: Handler) -> web.StreamResponse:
        if outage.active and not request.path.startswith(ADMIN_PREFIX):
            return web.Response(status=outage.status, text=_OUTAGE_PAGE, content_type="text/html")
        return await handler(request)

    return during_outage


@web.middleware
async def salesforce_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Unknown paths, wrong methods and unreadable bodies."""
    try:
        return await handler(request)
    except MalformedBodyError as error:
        return error.response
    except web.RequestPayloadError:
        return MalformedBodyError("The body is not in its Content-Encoding").response
    except web.HTTPNotFound:
        return not_found()
    except web.HTTPMethodNotAllowed as error:
        allowed = ",".join(sorted(error.allowed_methods))
        message = f"HTTP Method '{request.method}' not allowed. Allowed are {allowed}"
        return routing_error(405, "METHOD_NOT_ALLOWED", message, {"Allow": allowed})


def authenticated(tokens: Sessions, config: OrgConfig, stats: Stats) -> Middleware:
    """Everything below a version needs a session; the list of versions does not."""
    versions = range(int(float(config.oldest_api_version)), int(float(config.newest_api_version)) + 1)

    @web.middleware
    async def with_session(request: web.Request, handler: Handler) -> web.StreamResponse:
        version = request.path.removeprefix(_DATA).split("/")[0] if request.path.startswith(_DATA) else ""
        stats.count(request.path, against_allocation=bool(version))
        if not version:
            return await handler(request)
        if stats.api_requests > config.daily_api_requests:
            return quota_exhausted()
        user_id = tokens.check(request.headers.get("Authorization"))
        if user_id is None:
            return invalid_session()
        if version not in {f"v{number}.0" for number in versions}:
            return not_found()
        request[USER_ID] = user_id
        return await handler(request)

    return with_session


def common_headers(config: OrgConfig, stats: Stats) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Headers that every REST reply has; ``Sforce-Limit-Info`` not on the list of versions."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        if not request.path.startswith("/services/data"):
            return
        request_id = secrets.token_hex(16)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-cache,must-revalidate,max-age=0,no-store,private"
        response.headers["X-SFDC-Request-Id"] = response.headers["X-Request-Id"] = request_id
        if request.path.startswith(f"{_DATA}v"):
            response.headers["Sforce-Limit-Info"] = f"api-usage={stats.api_requests}/{config.daily_api_requests}"

    return add
