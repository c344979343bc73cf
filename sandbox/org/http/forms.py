"""Bodies of HTML forms, which OAuth requests and admin calls are."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

URLENCODED = "application/x-www-form-urlencoded"
# What aiohttp makes of a request without Content-Type.
_NO_TYPE = "application/octet-stream"
_MAX_FIELDS = 1000

Fields = Mapping[str, str]


async def form_fields(request: web.Request) -> dict[str, str]:
    """Fields of an urlencoded body, which is the only form that OAuth knows; the last of a name wins.

    Empty for a body of another type. HTTPBadRequest for an unknown charset or more fields than anybody sends.
    """
    if request.content_type not in {URLENCODED, _NO_TYPE}:
        return {}
    body = await request.read()
    try:
        text = body.decode(request.charset or "utf-8", "replace")
        # Some charsets have lone surrogates, which no answer could repeat.
        text.encode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except (LookupError, ValueError):
        raise web.HTTPBadRequest(text="the body is not a form in the charset that it claims") from None
