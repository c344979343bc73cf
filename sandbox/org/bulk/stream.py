"""CSV answers that are written in pieces: compressed for clients that take it, and cut where a fault wants it."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from sandbox.org.http.wire import TRUNCATE

# The fastest level, because both ends share the machine; 31: with the header and the check sum of gzip.
_LEVEL, _GZIP_WINDOW = 1, 31


async def csv_response(
    request: web.Request, chunks: AsyncIterator[bytes], headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Answer with the chunks; a fault may have asked to end after half of them or to hang up there."""
    response = web.StreamResponse(headers={"Content-Type": "text/csv", **(headers or {})})
    compress = None
    if "gzip" in request.headers.get("Accept-Encoding", "").lower():
        compress = zlib.compressobj(_LEVEL, wbits=_GZIP_WINDOW)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
    await response.prepare(request)
    async for chunk in _cut(request, chunks):
        piece = compress.compress(chunk) if compress else chunk
        if piece:
            await response.write(piece)
    if compress:
        await response.write(compress.flush())
    if request.get(TRUNCATE) == "visibly" and request.transport is not None:
        request.transport.close()
        return response
    await response.write_eof()
    return response


async def _cut(request: web.Request, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """All chunks; with a fault the header line and half of the lines below it."""
    if TRUNCATE not in request:
        async for chunk in chunks:
            yield chunk
        return
    lines = b"".join([chunk async for chunk in chunks]).splitlines(keepends=True)
    yield b"".join(lines[: 1 + len(lines[1:]) // 2])
