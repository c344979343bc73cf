"""What happens around every handler: outages, sessions, errors in Salesforce's form, and the common headers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from email.utils import formatdate

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox.org.config import OrgConfig
from sandbox.org.faults.outage import Outage
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.wire import (
    USER_ID,
    MalformedBodyError,
    api_error,
    invalid_session,
    not_found,
    quota_exhausted,
    routing_error,
)
from sandbox.org.limits.stats import Stats
from sandbox.org.logins.sessions import Sessions
from sandbox.org.store.clock import OrgClock

_DATA = "/services/data/"
_OVERRIDES = frozenset({"PATCH", "DELETE", "PUT", "GET"})
# Recorded; the cookies and the pinning of TLS that come along are left out.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private",
    "X-Robots-Tag": "none",
    "Vary": "Accept-Encoding",
    "Server": "sfdcedge",
}
_DEAD_TOKEN = (
    "<response><faultcode>LOGIN_OAUTH_INVALID_TOKEN(db=1703,api=LOGIN_OAUTH_INVALID_TOKEN)</faultcode>"
    "<error>Failed: Invalid Token</error></response>"
)
_SLASHES = re.compile("/{2,}")
# Summer '25 retired the last of them; the text is that of the REST API guide's status codes.
_RETIRED_VERSIONS = frozenset(f"v{number}.0" for number in range(7, 31))
_RETIRED = "The requested resource has been retired or removed. Delete or update any references to the resource."
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
    served = frozenset(f"v{number}.0" for number in versions)

    @web.middleware
    async def with_session(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = _path(request)
        version = path.removeprefix(_DATA).split("/")[0] if path.startswith(_DATA) else ""
        stats.count(path, against_allocation=bool(version))
        if not version:
            return await handler(request)
        if stats.api_requests > config.daily_api_requests:
            return quota_exhausted()
        user_id = tokens.check(request.headers.get("Authorization"))
        if user_id is None:
            return _session_refused(request)
        if version not in served:
            return api_error(410, "GONE", _RETIRED) if version in _RETIRED_VERSIONS else not_found()
        if not tokens.accounts.may_use_api(user_id):
            return api_error(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner")
        request[USER_ID] = user_id
        return await handler(request)

    return with_session


@web.middleware
async def rerouted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Requests that mean another path or method than they name.

    Clients join an instance URL with a slash at its end and a path with one at its beginning; and those that cannot
    send PATCH post to ``?_HttpMethod=PATCH`` (REST API guide).
    """
    method = request.query.get("_HttpMethod", "").upper() if request.method == "POST" else ""
    path = _path(request)
    if method not in _OVERRIDES and path == request.rel_url.raw_path:
        return await handler(request)
    meant = request.clone(
        method=method if method in _OVERRIDES else request.method,
        rel_url=request.rel_url.with_path(path, encoded=True, keep_query=True),
    )
    match = await request.app.router.resolve(meant)
    match.add_app(request.app)
    meant._match_info = match  # the server itself sets it so
    return await match.handler(meant)


def _path(request: web.Request) -> str:
    """The path as it was sent, without empty segments."""
    path = request.rel_url.raw_path
    return _SLASHES.sub("/", path) if "//" in path else path


def _session_refused(request: web.Request) -> web.Response:
    """In JSON, unless a dead token came with a body that is none: that reply was recorded in XML, labelled as HTML."""
    writes = request.method in {"POST", "PATCH"} and "Authorization" in request.headers
    if not writes or "json" in request.content_type:
        return invalid_session()
    headers = {"Content-Type": "text/html; charset=UTF-8", "Sfdc-OAuth-Error": "1703"}
    return web.Response(text=_DEAD_TOKEN, status=401, headers=headers)


def org_date(clock: OrgClock) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """``Date`` by the org's clock, once that has been moved: clients measure their own skew by it."""

    async def add(_request: web.Request, response: web.StreamResponse) -> None:
        if clock.moved:
            response.headers["Date"] = formatdate(clock(), usegmt=True)

    return add


def common_headers(config: OrgConfig, stats: Stats) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Headers that every REST reply has; ``Sforce-Limit-Info`` not on the list of versions."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        path = _path(request)
        if not path.startswith("/services/data"):
            return
        request_id = secrets.token_hex(16)
        response.headers["X-SFDC-Request-Id"] = response.headers["X-Request-Id"] = request_id
        response.headers.update(_HEADERS)
        if path.startswith(f"{_DATA}v"):
            response.headers["Sforce-Limit-Info"] = f"api-usage={stats.api_requests}/{config.daily_api_requests}"

    return add
