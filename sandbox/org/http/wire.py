"""What every HTTP surface of the org shares: JSON, error bodies, and who is calling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import orjson
from aiohttp import web

from sandbox.org.rows.writes import Actor, RowError

#: Where the authentication middleware leaves the user id of the caller.
USER_ID = web.RequestKey("user_id", str)
#: How a fault wants a reply that is written in pieces to be cut: ``silently`` or ``visibly``.
TRUNCATE = web.RequestKey("truncate", str)

_CLIENT = re.compile(r"(?:^|[,;])\s*client\s*=\s*([^,;]+)", re.IGNORECASE)
_DEFAULT_VERSION = "62.0"


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Compact JSON with Salesforce's content type."""
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        headers={"Content-Type": "application/json;charset=UTF-8", **(headers or {})},
    )


def routing_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error found before any record was touched: ``errorCode`` first, no ``fields``."""
    return json_response([{"errorCode": code, "message": message}], status, headers)


def api_error(status: int, code: str, message: str, fields: Iterable[str] | None = None) -> web.Response:
    """An error of the API proper: ``message`` first; ``fields`` only where Salesforce has it."""
    body: dict[str, object] = {"message": message, "errorCode": code}
    return json_response([body if fields is None else body | {"fields": list(fields)}], status)


def row_errors(status: int, errors: Iterable[RowError]) -> web.Response:
    """Why one record was refused, in the form of the single-record calls."""
    return json_response([_row_error(error) for error in errors], status)


def _row_error(error: RowError) -> dict[str, object]:
    body: dict[str, object] = {"message": error.message, "errorCode": error.status_code}
    # An unknown column is found while the body is parsed, before there are fields to name.
    return body if error.status_code == "INVALID_FIELD" else body | {"fields": list(error.fields)}


def not_found() -> web.Response:
    return routing_error(404, "NOT_FOUND", "The requested resource does not exist")


def invalid_session() -> web.Response:
    return api_error(401, "INVALID_SESSION_ID", "Session expired or invalid")


def quota_exhausted() -> web.Response:
    return api_error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def api_version(request: web.Request) -> str:
    """``62.0`` of ``/services/data/v62.0/...``; routes name the part ``version`` (``{version:v[0-9.]+}``)."""
    return request.match_info.get("version", f"v{_DEFAULT_VERSION}").removeprefix("v")


def client_name(request: web.Request) -> str | None:
    """``client`` of the ``Sforce-Call-Options`` header."""
    found = _CLIENT.search(request.headers.get("Sforce-Call-Options", ""))
    return found[1].strip() if found else None


def actor_of(request: web.Request, api: str = "rest") -> Actor:
    """The caller of an authenticated request."""
    return Actor(request[USER_ID], api, client_name(request), api_version(request))


class MalformedBodyError(Exception):
    """The body is not the JSON object that the call wants; carries the answer."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.response = api_error(400, "JSON_PARSER_ERROR", message)


async def json_object(request: web.Request) -> dict[str, object]:
    """The body as a JSON object, or MalformedBodyError."""
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise MalformedBodyError(f"{error.msg} at [line:{error.lineno}, column:{error.colno}]") from error
    if not isinstance(body, dict):
        raise MalformedBodyError("The request body must be a JSON object at [line:1, column:1]")
    return body
