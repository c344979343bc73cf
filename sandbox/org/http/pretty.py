"""JSON laid out for people, as ``X-PrettyPrint: 1`` asks for it."""

from __future__ import annotations

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

_INDENT = "  "


@web.middleware
async def pretty_printed(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    if request.headers.get("X-PrettyPrint") != "1" or not isinstance(response, web.Response):
        return response
    if response.content_type == "application/json" and isinstance(response.body, bytes) and response.body:
        response.body = pretty(orjson.loads(response.body)).encode()
    return response


def pretty(value: object, depth: int = 0) -> str:
    """Two spaces a level, a space on both sides of the colon; arrays stay on the line of what they hold.

    The layout of recorded replies (CumulusCI's cassettes), which is Jackson's default.
    """
    if isinstance(value, dict):
        if not value:
            return "{ }"
        inner = "\n" + _INDENT * (depth + 1)
        members = [f"{inner}{_scalar(key)} : {pretty(one, depth + 1)}" for key, one in value.items()]
        return f"{{{','.join(members)}\n{_INDENT * depth}}}"
    if isinstance(value, list):
        return f"[ {', '.join(pretty(one, depth) for one in value)} ]" if value else "[ ]"
    return _scalar(value)


def _scalar(value: object) -> str:
    return orjson.dumps(value).decode()
