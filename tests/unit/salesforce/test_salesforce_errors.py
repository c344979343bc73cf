"""What Salesforce's error replies mean, as a table."""

from __future__ import annotations

import orjson
import pytest

from workers.adapters.salesforce.errors import Reply, SalesforceRefused, failure
from workers.ports import Refused, Unavailable


def rest(code: str, message: str = "text") -> bytes:
    return orjson.dumps([{"message": message, "errorCode": code}])


def oauth(code: str, message: str = "text") -> bytes:
    return orjson.dumps({"error": code, "error_description": message})


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, rest("UNKNOWN_EXCEPTION")),
        (502, b"<html>Bad Gateway</html>"),
        (503, rest("SERVER_UNAVAILABLE")),
        (503, b""),
        (429, b"slow down"),
        (403, rest("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")),
        (400, rest("UNABLE_TO_LOCK_ROW")),
    ],
)
def test_what_passes_by_itself_is_unavailable(status: int, body: bytes) -> None:
    error = failure(Reply(status, {}, body), "GET /x of host")
    assert isinstance(error, Unavailable)
    assert "GET /x of host" in str(error)
    assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "remedy"),
    [
        (400, rest("INVALID_FIELD"), "field-level security"),
        (400, rest("INVALID_TYPE"), "read access"),
        (401, rest("INVALID_SESSION_ID"), "may use the API"),
        (403, rest("API_DISABLED_FOR_ORG"), "enable the API"),
        (404, rest("NOT_FOUND"), "NOT_FOUND"),
        (400, oauth("invalid_client", "invalid client credentials"), "check the client secret"),
        (400, oauth("invalid_client_id"), "consumer key"),
        (400, oauth("invalid_grant", "no client credentials user enabled"), "run-as user"),
        (400, oauth("invalid_app_access"), "approve the app"),
        (400, oauth("redirect_uri_mismatch"), "callback URL"),
        (302, b"", "HTTP 302"),
        (400, b"not json", "no explanation"),
        (400, b"[]", "no explanation"),
        (400, b'["odd"]', "no explanation"),
    ],
)
def test_everything_else_is_refused_with_a_remedy(status: int, body: bytes, remedy: str) -> None:
    error = failure(Reply(status, {}, body), "GET /x of host")
    assert isinstance(error, Refused)
    assert remedy in str(error)


def test_a_refusal_carries_the_code_and_one_line_of_text() -> None:
    body = rest("MALFORMED_QUERY", "\nSELECT\n   ^\nERROR at Row:1:Column:8\nunexpected token")
    error = failure(Reply(400, {}, body), "GET /x")
    assert isinstance(error, SalesforceRefused)
    assert error.code == "MALFORMED_QUERY"
    assert "SELECT ^ ERROR at Row:1:Column:8 unexpected token" in str(error)
