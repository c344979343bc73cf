"""What an unsuccessful Bayeux message means. Texts: Salesforce's "Streaming API Error Codes"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.adapters.salesforce.names import ENTITY_OF_CHANNEL, OBJECT_NAME, reconnect
from workers.core.capture.session_machine import Refusal, Trouble

TEXTS: tuple[tuple[str, Trouble], ...] = (
    ("unknown client", "session_lost"),
    ("has not completed handshake", "session_lost"),
    ("cookie present", "session_lost"),
    ("does not match the session's user", "session_lost"),
    ("simultaneous connections", "overloaded"),
    ("concurrent user limit exceeded", "too_many_clients"),
    ("daily limit exceeded", "events_used_up"),
    ("replayid", "replay_refused"),
    ("not allowed to subscribe", "forbidden"),
    ("restricted channel", "forbidden"),
    ("cannot create channel", "forbidden"),
    ("channel you requested to subscribe to does", "forbidden"),
    ("unknown channel", "forbidden"),
)
"""Parts of the texts, lower case: their codes say less (503 hides behind 401, and 403 is anything)."""

CODES: tuple[tuple[str, Trouble], ...] = (
    ("401", "authentication"),
    ("INVALID_SESSION_ID", "authentication"),  # the REST gateway's answer in Bayeux's place
    ("5", "overloaded"),
    ("403", "forbidden"),
    ("4", "unsupported"),
)

OF_ONE_CHANNEL: frozenset[Trouble] = frozenset({"forbidden", "replay_refused", "events_used_up"})
"""In answer to a subscription these leave the session and its other channels as they are."""


def reason(message: Mapping[str, Any]) -> str:
    """The error proper: a handshake and an overloaded server hide it behind another in `error`."""
    ext = message.get("ext")
    sfdc = ext.get("sfdc") if isinstance(ext, dict) else None
    hidden = sfdc.get("failureReason") if isinstance(sfdc, dict) else None
    return str(hidden or message.get("error") or message.get("errorCode") or "no reason given")


def trouble_of(text: str) -> Trouble:
    lower = text.lower()
    for part, trouble in TEXTS:
        if part in lower:
            return trouble
    return next((trouble for code, trouble in CODES if text.startswith(code)), "session_lost")


def refusal(message: Mapping[str, Any], team: str) -> Refusal:
    """The trouble, and its reason with an administrator's remedy where there is one."""
    text = reason(message)
    trouble = trouble_of(text)
    channel = str(message.get("subscription") or message.get("channel"))
    remedy = _remedy(trouble, channel, team)
    if remedy is None:
        return Refusal(trouble, f"Salesforce ended the change stream of team {team}: {text}")
    return Refusal(trouble, f"Salesforce refused {channel} to team {team} ({text}): {remedy}")


def _remedy(trouble: Trouble, channel: str, team: str) -> str | None:
    match trouble:
        case "authentication":
            return f"check that the connected user may use the API, then {reconnect(team)}"
        case "forbidden" if channel in ENTITY_OF_CHANNEL:
            name = OBJECT_NAME[ENTITY_OF_CHANNEL[channel]]
            return f"select {name} under Setup > Change Data Capture and give the connected user 'View All' on {name}"
        case "forbidden":
            return "check the connected user's permissions for the Streaming API"
        case "too_many_clients":
            return "end CometD clients of other applications, or raise the org's limit of concurrent clients"
        case "events_used_up":
            return (
                "the org's allocation of delivered events for 24 hours is used up; queries stand in until it frees up"
            )
        case _:
            return None
