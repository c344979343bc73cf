"""Bayeux messages as Salesforce writes them, its error strings byte for byte."""

from __future__ import annotations

from sandbox.org.faults.bayeux_errors import HANDSHAKE, error_of
from sandbox.org.faults.plan import FaultSpec

Message = dict[str, object]

AUTHENTICATION_INVALID = "401::Authentication invalid"
NO_TOKEN = "401::Request requires authentication"
HANDSHAKE_DENIED = "403::Handshake denied"
UNKNOWN_CLIENT = "403::Unknown client"
NOT_PERMITTED = "403::User not allowed to subscribe CDC without required permissions"
RESTRICTED_CHANNEL = "403::Restricted channel"
NO_CHANNEL = "400::Channel name not specified"
NO_LEADING_SLASH = "400::Channel subscriptions must start with a leading '/'"
NO_HANDSHAKE = "403::Client has not completed handshake"
DAILY_LIMIT = "403::Organization total events daily limit exceeded"
CONCURRENT_LIMIT = "403::Organization concurrent user limit exceeded"
WRONG_USER = "400::Authenticated user id does not match the session's user id"

_NONE = {"interval": 0, "reconnect": "none"}
_HANDSHAKE = {"interval": 0, "reconnect": "handshake"}


def replay_id_invalid(replay_id: object) -> str:
    # Two blanks after "invalid." and the braces are what real orgs send.
    return (
        f"400::The replayId {{{replay_id}}} you provided was invalid.  "
        "Please provide a valid ID, -2 to replay all events, or -1 to replay only new events."
    )


def replay_map_incomplete(channel: str, replay: dict[str, object]) -> str:
    as_java = ", ".join(f"{key}={value}" for key, value in replay.items())
    return (
        f"400::The replayId for channel {{{channel}}} wasn't found using the provided replay ID map {{{{{as_java}}}}}. "
        "Ensure that the channel name you provided in the replay map is valid and matches the channel name used for "
        "subscribing."
    )


def channel_unknown(channel: str) -> str:
    return f"400::The channel you requested to subscribe to does not exist {{{channel}}}"


def handshake_reply(message: Message, client_id: str) -> Message:
    return {
        "ext": {"replay": True, "payload.format": True},
        "minimumVersion": "1.0",
        "clientId": client_id,
        "supportedConnectionTypes": ["long-polling"],
        "channel": "/meta/handshake",
        **_id(message),
        "version": "1.0",
        "successful": True,
    }


def handshake_denied(message: Message, reason: str, advice: str = "none") -> Message:
    return {
        "ext": {"sfdc": {"failureReason": reason}, "replay": True, "payload.format": True},
        **({} if advice == "absent" else {"advice": {"reconnect": advice}}),
        "channel": "/meta/handshake",
        **_id(message),
        "error": HANDSHAKE_DENIED,
        "successful": False,
    }


def connect_reply(message: Message, client_id: str, advice: dict[str, object] | None) -> Message:
    reply: Message = {"clientId": client_id}
    if advice is not None:
        reply["advice"] = advice
    return reply | {"channel": "/meta/connect", **_id(message), "successful": True}


def done(message: Message, client_id: str) -> Message:
    """The reply to a subscribe, unsubscribe or disconnect that worked."""
    subscription = {"subscription": message["subscription"]} if "subscription" in message else {}
    reply: Message = {"clientId": client_id, "channel": message.get("channel"), **_id(message)}
    return reply | subscription | {"successful": True}


def refused(message: Message, error: str) -> Message:
    """A refused subscription or publication: no advice."""
    kept = {key: message[key] for key in ("clientId", "channel", "id", "subscription") if key in message}
    return kept | {"error": error, "successful": False}


def limit_exceeded(message: Message, error: str, advice: str) -> Message:
    """An allocation is used up; which advice comes along is not documented."""
    advised: Message = {} if advice == "absent" else {"advice": {"interval": 0, "reconnect": advice}}
    return advised | refused(message, error)


def cookie_missing(message: Message, client_id: str, cookie: str) -> Message:
    return refused(message, f"400::Client {client_id} has established a session, but no {cookie} cookie present")


def server_disconnect(client_id: str) -> Message:
    """From API 64.0 the server may end a session itself, and the client must reconnect (How the Client Connects)."""
    return {"clientId": client_id, "channel": "/meta/disconnect", "advice": _HANDSHAKE, "successful": True}


def planted(message: Message, spec: FaultSpec) -> Message:
    """The reply with a planted error."""
    error = error_of(spec)
    advice = str(spec.settings.get("advice", error.advice or "absent"))
    reply: Message = {}
    if error.failure_reason:
        flags = {"replay": True, "payload.format": True} if message.get("channel") == HANDSHAKE else {}
        reply["ext"] = {"sfdc": {"failureReason": error.failure_reason}, **flags}
    if error.names_client and "clientId" in message:
        reply["clientId"] = message["clientId"]
    if advice != "absent":
        reply["advice"] = {"interval": 0, "reconnect": advice}
    reply |= {"channel": message.get("channel"), **_id(message)}
    if "subscription" in message:
        reply["subscription"] = message["subscription"]
    text = error.error.format(subscription=message.get("subscription"))
    return reply | {"error": text, "successful": False}


def unknown_client(message: Message) -> Message:
    # Captured replies name no client.
    return {
        "advice": _HANDSHAKE,
        "channel": message.get("channel"),
        **_id(message),
        "error": UNKNOWN_CLIENT,
        "successful": False,
    }


def authentication_invalid(message: Message) -> Message:
    kept = {key: message[key] for key in ("clientId",) if key in message}
    return kept | {
        "advice": _NONE,
        "channel": message.get("channel"),
        **_id(message),
        "error": AUTHENTICATION_INVALID,
        "successful": False,
    }


def _id(message: Message) -> Message:
    return {"id": message["id"]} if "id" in message else {}
