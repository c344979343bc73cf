"""What Salesforce's error replies mean, as a table."""

from __future__ import annotations

import orjson
import pytest

from workers.adapters.salesforce.bayeux_errors import failure as bayeux_failure
from workers.adapters.salesforce.errors import Reply, SalesforceRefused, failure
from workers.ports import Refused, ReplayRefused, Unavailable


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


CONTACTS = "/data/ContactChangeEvent"
REPLAY_TEXT = (
    "400::The replayId {5} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
    "or -1 to replay only new events."
)


def test_a_refused_replay_id_names_its_entity() -> None:
    error = bayeux_failure({"channel": "/meta/subscribe", "subscription": CONTACTS, "error": REPLAY_TEXT}, "acme")
    assert isinstance(error, ReplayRefused)
    assert error.entities == {"contact"}


@pytest.mark.parametrize(
    "message",
    [
        {"channel": "/meta/connect", "error": "403::Unknown client"},
        {"channel": "/meta/connect", "error": "402::Unknown client"},
        {"channel": "/meta/subscribe", "subscription": CONTACTS, "error": "403::Client has not completed handshake"},
        {"channel": "/meta/connect", "error": "403::Organization total events daily limit exceeded"},
        {
            "channel": "/meta/handshake",
            "error": "403::Handshake denied",
            "ext": {"sfdc": {"failureReason": "403::Organization concurrent user limit exceeded"}},
        },
        {
            "channel": "/meta/connect",
            "error": "401::Authentication invalid",
            "ext": {"sfdc": {"failureReason": "503::Server is too busy.  Please try your request again later."}},
        },
        {"channel": "/meta/connect"},
        {"message": "Server unavailable", "errorCode": "SERVER_UNAVAILABLE"},
    ],
)
def test_a_stream_that_may_be_opened_again(message: dict[str, object]) -> None:
    assert isinstance(bayeux_failure(message, "acme"), Unavailable)


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            {"subscription": CONTACTS, "error": "403::User not allowed to subscribe CDC without required permissions"},
            "select Contact under Setup > Change Data Capture and give the connected user 'View All' on Contact",
        ),
        ({"channel": "/meta/handshake", "error": "401::Authentication invalid"}, "segment-sync teams connect acme"),
        ({"channel": "/meta/handshake", "error": "403::User not enabled for streaming"}, "Streaming API"),
        ({"channel": "/meta/handshake", "error": "400::Unsupported API version."}, "400::Unsupported API version."),
    ],
)
def test_a_stream_that_needs_a_person(message: dict[str, object], remedy: str) -> None:
    error = bayeux_failure(message, "acme")
    assert isinstance(error, Refused)
    assert remedy in str(error)
    assert "acme" in str(error)
