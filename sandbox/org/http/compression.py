"""Answers compressed for clients that accept gzip."""

from __future__ import annotations

import gzip

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox.org.http.conditional import COMPRESSED

# Below this a packet is not saved; the fastest level, because both ends share the machine.
_LEVEL = 1


def compressed(min_bytes: int) -> Middleware:
    """Compress JSON answers of at least `min_bytes`."""

    @web.middleware
    async def compress(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if "gzip" not in request.headers.get("Accept-Encoding", "").lower() or not isinstance(response, web.Response):
            return response
        body = response.body
        if not isinstance(body, bytes) or len(body) < min_bytes or "json" not in response.content_type:
            return response
        response.body = gzip.compress(body, _LEVEL, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        if "ETag" in response.headers:
            response.headers["ETag"] = f'{response.headers["ETag"][:-1]}{COMPRESSED}"'
        return response

    return compress
