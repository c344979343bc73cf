"""What Salesforce's error replies mean to the workers, decided in one place.

`Unavailable` heals by itself; everything else is `SalesforceRefused` (a `Refused`) with Salesforce's code and a remedy.
Codes and texts: facts recorded from the REST, OAuth and Bulk API 2.0 documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from workers.ports import Exhausted, Refused, Unavailable


class SalesforceRefused(Refused):
    """A refusal with the code Salesforce gave (`INVALID_FIELD`, `invalid_grant`, ...)."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply, read to its end. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


# Codes that pass without anybody's doing, whatever the HTTP status.
TRANSIENT_CODES = frozenset(
    {
        "REQUEST_LIMIT_EXCEEDED",  # daily quota or too many long requests: both pass
        "SERVER_UNAVAILABLE",
        "UNABLE_TO_LOCK_ROW",
        "UNKNOWN_EXCEPTION",
        "QUERY_TIMEOUT",
        "TXN_SECURITY_METERING_ERROR",
        "temporarily_unavailable",
    }
)

REMEDIES = {
    "API_DISABLED_FOR_ORG": "enable the API for the org's edition and the connected user",
    "INVALID_FIELD": "check that the field exists and that the connected user may see it (field-level security)",
    "INVALID_TYPE": "give the connected user read access to the object",
    "INSUFFICIENT_ACCESS": "give the connected user access to the object",
    "INVALID_SESSION_ID": "check that the connected user may use the API, then reconnect the team",
    "ExceededQuota": "wait for the Bulk API quota of the last 24 hours to free up",
    "invalid_client": "check the client secret",
    "invalid_client_id": "check the client id (consumer key)",
    "invalid_grant": "authorise the org again",
    "invalid_app_access": "let an administrator approve the app for the connected user",
    "redirect_uri_mismatch": "add the callback URL to the app in Salesforce",
    "unsupported_grant_type": "enable this OAuth flow for the app in Salesforce",
}
# Descriptions that say more than their code.
REMEDIES_BY_TEXT = {
    "no client credentials user enabled": "choose a run-as user for the client credentials flow of the app",
}


def failure(reply: Reply, call: str) -> Exception:
    """The error of a reply that is no success. `call` says what was asked and of which host, without secrets."""
    code, text = _code_and_text(reply.body)
    said = f"{code}: {text}" if code else "no explanation"
    if code == "REQUEST_LIMIT_EXCEEDED" and "TotalRequests" in text:
        return Exhausted(f"Salesforce answers no more calls today to {call} (HTTP {reply.status}, {said})")
    if reply.status >= 500 or reply.status in (408, 429) or code in TRANSIENT_CODES:
        return Unavailable(f"Salesforce cannot answer {call} now (HTTP {reply.status}, {said})")
    remedy = REMEDIES_BY_TEXT.get(text) or REMEDIES.get(code)
    advice = f": {remedy}" if remedy else ""
    return SalesforceRefused(f"Salesforce refused {call} (HTTP {reply.status}, {said}){advice}", code)


def _code_and_text(body: bytes) -> tuple[str, str]:
    """From `[{errorCode, message}]` (REST, Bulk) or `{error, error_description}` (OAuth)."""
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    first = parsed[0] if isinstance(parsed, list) and parsed else parsed
    if not isinstance(first, dict):
        return "", ""
    code = first.get("errorCode") or first.get("error") or ""
    text = first.get("message") or first.get("error_description") or ""
    return str(code), " ".join(str(text).split())
