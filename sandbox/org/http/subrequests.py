"""Requests inside a request: composite parts go through the same routes as requests of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from aiohttp import streams, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from sandbox.org.http.addresses import BASE_PATH, base_path
from sandbox.org.http.middleware import salesforce_errors
from sandbox.org.http.wire import USER_ID

# Larger bodies would make the reader pause; a part is at most a part of what was read already.
_NO_LIMIT = 2**30
_SHOWN_HEADERS = ("Location", "ETag", "Last-Modified")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a part was answered."""

    status: int
    body: object
    headers: dict[str, str]

    @property
    def failed(self) -> bool:
        return self.status >= 400


async def answer(
    request: web.Request, method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Route one part as the caller of `request`, whose own headers count unless the part has others."""
    part = _part(request, method, url, body, headers or {})
    match = await request.app.router.resolve(part)
    part._match_info = match  # the server itself sets it so
    match.add_app(request.app)
    response = await salesforce_errors(part, match.handler)
    assert isinstance(response, web.Response)
    content = response.body
    shown = {name: response.headers[name] for name in _SHOWN_HEADERS if name in response.headers}
    return Answer(response.status, orjson.loads(content) if isinstance(content, bytes) and content else None, shown)


def _part(request: web.Request, method: str, url: str, body: object, headers: Mapping[str, str]) -> web.Request:
    merged = CIMultiDict(request.headers)
    merged.update(headers)
    for name in ("Content-Length", "Content-Encoding", "Transfer-Encoding"):
        merged.popall(name, None)
    target = URL(url)
    message = RawRequestMessage(
        method, url, HttpVersion11, CIMultiDictProxy(merged), (), False, None, False, False, target
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    payload = streams.StreamReader(request.protocol, _NO_LIMIT, loop=loop)
    payload.feed_data(b"" if body is None else orjson.dumps(body))
    payload.feed_eof()
    part = web.Request(
        message, payload, request.protocol, request.writer, request.task, loop, client_max_size=_NO_LIMIT
    )
    part[USER_ID] = request[USER_ID]
    part[BASE_PATH] = base_path(request)
    return part
