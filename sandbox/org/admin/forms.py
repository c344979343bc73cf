"""What an admin call was asked for, as JSON from a test or as a form from the page, and the answer to either."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.org.http.addresses import base_path
from sandbox.org.http.forms import form_fields
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.wire import json_object, json_response


class AdminError(Exception):
    """A call that asks for nothing that can be done; the text says why."""


@web.middleware
async def own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Admin calls need no login: at least no other site that a person looks at may send them a form."""
    origin = request.headers.get("Origin")
    foreign = origin is not None and origin.partition("://")[2] != request.host
    if foreign and request.path.startswith(ADMIN_PREFIX) and request.method not in {"GET", "HEAD"}:
        return json_response({"error": f"{origin} may not call {request.host}"}, 403)
    return await handler(request)


async def arguments(request: web.Request) -> dict[str, object]:
    """A JSON object, or form fields: empty ones are absent, and what reads as JSON is taken as that."""
    if not is_form(request):
        return await json_object(request) if request.can_read_body else {}
    return {name: _value(text) for name, text in (await form_fields(request)).items() if text.strip()}


def is_form(request: web.Request) -> bool:
    return request.content_type == "application/x-www-form-urlencoded"


def _value(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.strip()


def answer(request: web.Request, body: object, status: int = 200) -> web.Response:
    """JSON for a program; a person goes back to the page."""
    if is_form(request):
        return web.Response(status=303, headers={"Location": page_of(request)})
    return json_response(body, status)


def page_of(request: web.Request) -> str:
    """The page whose form was sent, so that a person stays where they are."""
    home = f"{base_path(request)}{ADMIN_PREFIX}/"
    here = f"{request.scheme}://{request.host}"
    came_from = request.headers.get("Referer", "")
    return came_from.removeprefix(here) if came_from.startswith(here + home) else home


def number(given: Mapping[str, object], name: str, default: float | None = None) -> float:
    """A number that is asked for by name. AdminError when it is none."""
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AdminError(f"{name} must be a number")
    return value


def text(given: Mapping[str, object], name: str) -> str:
    """A text that is asked for by name. AdminError when it is missing."""
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise AdminError(f"{name} must be given")
    return value


def mapping(given: Mapping[str, object], name: str) -> dict[str, object]:
    """A JSON object by name, empty when it is absent. AdminError when it is something else."""
    value = given.get(name, {})
    if not isinstance(value, dict):
        raise AdminError(f"{name} must be an object")
    return value


def texts(given: Mapping[str, object], name: str) -> list[str]:
    """A list, or words with blanks or commas between. AdminError when it is missing."""
    value = given.get(name)
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if not isinstance(value, list) or not value:
        raise AdminError(f"{name} must be a list")
    return [str(one) for one in value]
