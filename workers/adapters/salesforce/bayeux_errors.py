"""What an unsuccessful Bayeux message means. Texts: Salesforce's "Streaming API Error Codes"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.adapters.salesforce.errors import SalesforceRefused
from workers.adapters.salesforce.names import ENTITY_OF_CHANNEL, OBJECT_NAME, reconnect
from workers.ports import ReplayRefused, Unavailable

# Parts of 4xx texts that pass without anybody's doing: a new session, fewer clients, or tomorrow's allocation.
_TRANSIENT_TEXTS = (
    "unknown client",
    "has not completed handshake",
    "cookie present",
    "simultaneous connections",
    "concurrent user limit exceeded",
    "daily limit exceeded",
)


def reason(message: Mapping[str, Any]) -> str:
    """The error proper: a handshake and an overloaded server hide it behind another in `error`."""
    ext = message.get("ext")
    sfdc = ext.get("sfdc") if isinstance(ext, dict) else None
    hidden = sfdc.get("failureReason") if isinstance(sfdc, dict) else None
    return str(hidden or message.get("error") or message.get("errorCode") or "no reason given")


def is_authentication(text: str) -> bool:
    """Bayeux's 401, or the REST gateway's answer in its place."""
    return text.startswith("401") or text == "INVALID_SESSION_ID"


def failure(message: Mapping[str, Any], team: str) -> Exception:
    """`ReplayRefused`, `SalesforceRefused` with an administrator's remedy, or `Unavailable`."""
    text = reason(message)
    entity = ENTITY_OF_CHANNEL.get(str(message.get("subscription")))
    if entity and text.startswith("400") and "replayid" in text.lower():
        return ReplayRefused(frozenset({entity}))
    if not text.startswith("4") or any(part in text.lower() for part in _TRANSIENT_TEXTS):
        return Unavailable(f"Salesforce ended the change stream of team {team}: {text}")
    channel = message.get("subscription") or message.get("channel")
    remedy = _remedy(text, str(channel), team)
    return SalesforceRefused(f"Salesforce refused {channel} to team {team} ({text}): {remedy}", text[:3])


def _remedy(text: str, channel: str, team: str) -> str:
    if is_authentication(text):
        return f"check that the connected user may use the API, then {reconnect(team)}"
    if channel in ENTITY_OF_CHANNEL:
        name = OBJECT_NAME[ENTITY_OF_CHANNEL[channel]]
        return f"select {name} under Setup > Change Data Capture and give the connected user 'View All' on {name}"
    return "check the connected user's permissions for the Streaming API"
