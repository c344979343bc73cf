"""One HTTP exchange with Salesforce: time limits, no redirects, no cookies, network errors as `Unavailable`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
import orjson
from pydantic import BaseModel, ValidationError

from workers.adapters.salesforce.errors import Reply
from workers.adapters.salesforce.names import CALL_OPTIONS
from workers.adapters.salesforce.urls import host_of
from workers.core.origin import CLIENT_NAME
from workers.ports import Unavailable

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
"""Longest silence inside a reply: a page of Bulk results is prepared within a minute."""
UPLOAD_SECONDS = 600.0
"""For sending 90 MB over a slow line."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Request:
    """`content` goes out as it is; its type stands in `headers`."""

    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    total_seconds: float | None = None

    @property
    def shown(self) -> str:
        """For messages: parameters are left out, since they hold queries and record ids."""
        path = self.url.split("//", 1)[-1].partition("/")[2]
        return f"{self.method} /{path} of {host_of(self.url)}"


def open_session() -> aiohttp.ClientSession:
    """A session for every team: it keeps no cookies, since those of one org must not reach another."""
    return aiohttp.ClientSession(
        headers={**CALL_OPTIONS, "User-Agent": CLIENT_NAME, "Accept": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def exchange(session: aiohttp.ClientSession, request: Request) -> Reply:
    """Send and read to the end. A redirect is returned as it is: following one could carry a token elsewhere.

    Raises `Unavailable` naming the host when the network or the time limit ends it.
    """
    limit = aiohttp.ClientTimeout(total=request.total_seconds, connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
    try:
        async with session.request(
            request.method,
            request.url,
            params=request.params,
            headers=request.headers,
            data=request.content,
            timeout=limit,
            allow_redirects=False,
        ) as response:
            body = await response.read()
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, headers, body)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(f"Salesforce does not answer at {host_of(request.url)}: {_why(error)}") from error


def parsed(model: type[M], reply: Reply, call: str) -> M:
    """The reply's JSON as the model. Raises `Unavailable` for anything else, such as a proxy's page."""
    try:
        return model.model_validate(orjson.loads(reply.body))
    except (ValidationError, orjson.JSONDecodeError) as error:
        # Neither error is chained: both quote their input, which may hold tokens or customers' data.
        kind = type(error).__name__
    raise Unavailable(f"unexpected reply to {call} (HTTP {reply.status}, {kind})")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or "cannot connect"
    return type(error).__name__
