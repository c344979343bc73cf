"""Why requests of Bulk API 2.0 are refused, and what their JSON may say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from sandbox.org.bulk.csv_text import DELIMITERS, LINE_ENDINGS, Dialect
from sandbox.org.http.wire import api_version, json_object, not_found, routing_error

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RefusedError(Exception):
    """The request cannot be met; carries the answer."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.text)
        self.response = response


def serving(version: float, handler: _Handler) -> _Handler:
    """The handler for callers of this API version or a later one, with an answer for what it refuses."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if float(api_version(request)) < version:
            return not_found()
        try:
            return await handler(request)
        except RefusedError as refusal:
            return refusal.response

    return handle


def refused(code: str, message: str, status: int = 400) -> RefusedError:
    return RefusedError(routing_error(status, code, message))


def invalid_state(message: str) -> RefusedError:
    return refused("INVALIDJOBSTATE", message)


def invalid_locator() -> RefusedError:
    return refused("INVALID_QUERY_LOCATOR", "invalid query locator")


def one_of(body: dict[str, object], name: str, values: Iterable[str], default: str | None = None) -> str:
    """A property that must be one of some words. Raises RefusedError."""
    value = body.get(name)
    if default is not None and value in (None, ""):
        return default
    if not isinstance(value, str) or value not in values:
        text = "" if value is None else value
        raise refused("API_ERROR", f"Invalid value: '{text}' supplied for property: '{name}'")
    return value


async def requested_state(request: web.Request, allowed: Iterable[str]) -> str:
    """The `state` that a PATCH asks for. Raises RefusedError and MalformedBodyError."""
    return one_of(await json_object(request), "state", allowed)


def dialect_of(body: dict[str, object]) -> Dialect:
    """Delimiter and line ending of a new job. Raises RefusedError."""
    one_of(body, "contentType", ("CSV",), "CSV")
    delimiter = one_of(body, "columnDelimiter", DELIMITERS, "COMMA")
    return Dialect(delimiter, one_of(body, "lineEnding", LINE_ENDINGS, "LF"))
