"""Reading OAuth requests and writing OAuth replies: forms, credentials, the three formats of an answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from aiohttp import web

from sandbox.org.http.forms import URLENCODED, Fields
from sandbox.org.http.wire import json_response
from sandbox.org.logins.grants import GrantError
from sandbox.org.oauth.pages import NO_STORE


def basic_credentials(request: web.Request) -> dict[str, str]:
    """Client id and secret of a Basic authorization header; empty without one."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise GrantError("invalid_client", "invalid client credentials") from None
    return {"client_id": client_id, "client_secret": secret}


def token_response(request: web.Request, form: Fields, body: Mapping[str, object], status: int = 200) -> web.Response:
    """JSON, or what `format` or the Accept header asks for: xml or urlencoded."""
    wanted = form.get("format") or request.query.get("format") or request.headers.get("Accept", "")
    if wanted in {"xml", "application/xml"}:
        return _typed(_xml(body), "application/xml", status)
    if wanted in {"urlencoded", URLENCODED}:
        return _typed(urlencode({key: str(value) for key, value in body.items()}), URLENCODED, status)
    return json_response(body, status, headers=NO_STORE)


def _xml(body: Mapping[str, object]) -> str:
    elements = "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in body.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><OAuth>{elements}</OAuth>'


def _typed(text: str, content_type: str, status: int) -> web.Response:
    return web.Response(text=text, status=status, content_type=content_type, charset="UTF-8", headers=NO_STORE)
