"""Every error that the Streaming API documents, to be planted by name.

Streaming API guide, "Streaming API Error Codes" and "Handling Streaming API Errors". The advice that comes with the
limit errors is not documented; a planted error may bring its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sandbox.org.faults.plan import FaultSpec

_TOO_MANY = (
    "403::To protect all customers from excessive use and Denial of Service attacks, we limit the number of "
    "simultaneous connections per server. Your request has been denied because this limit has been exceeded. "
    "Please try your request again later."
)
_NOT_PERMITTED = "403::User not allowed to subscribe CDC without {} permissions"
_DENIED = "403::Handshake denied"

HANDSHAKE, CONNECT, SUBSCRIBE = "/meta/handshake", "/meta/connect", "/meta/subscribe"


@dataclass(frozen=True, slots=True)
class BayeuxError:
    """``error`` and ``failure_reason`` as on the wire; ``{subscription}`` stands for the channel asked for."""

    channels: tuple[str, ...]
    error: str
    failure_reason: str | None = None
    advice: str | None = None  # the value of ``reconnect``; None: no advice
    names_client: bool = True
    ends_session: bool = False


BAYEUX_ERRORS: dict[str, BayeuxError] = {
    "authentication-invalid": BayeuxError((CONNECT,), "401::Authentication invalid", advice="none"),
    "handshake-authentication-invalid": BayeuxError(
        (HANDSHAKE,), _DENIED, "401::Authentication invalid", advice="none"
    ),
    "no-token": BayeuxError((HANDSHAKE,), _DENIED, "401::Request requires authentication", advice="none"),
    "unknown-client": BayeuxError(
        (CONNECT, SUBSCRIBE), "403::Unknown client", advice="handshake", names_client=False, ends_session=True
    ),
    # Seen too, and clients that follow it stop for good: faye#492.
    "unknown-client-for-good": BayeuxError(
        (CONNECT, SUBSCRIBE), "403::Unknown client", advice="none", names_client=False, ends_session=True
    ),
    "unknown-client-402": BayeuxError(
        (CONNECT,), "402::Unknown client", advice="handshake", names_client=False, ends_session=True
    ),
    "handshake-not-completed": BayeuxError((SUBSCRIBE,), "403::Client has not completed handshake"),
    "too-many-connections": BayeuxError((HANDSHAKE,), _DENIED, _TOO_MANY, advice="none"),
    "concurrent-user-limit": BayeuxError(
        (HANDSHAKE,), _DENIED, "403::Organization concurrent user limit exceeded", advice="none"
    ),
    "daily-limit": BayeuxError(
        (CONNECT, SUBSCRIBE), "403::Organization total events daily limit exceeded", advice="none"
    ),
    "not-permitted": BayeuxError((SUBSCRIBE,), _NOT_PERMITTED.format("required")),
    "not-permitted-as-documented": BayeuxError((SUBSCRIBE,), _NOT_PERMITTED.format("View All Data")),
    "restricted-channel": BayeuxError((SUBSCRIBE,), "403::Restricted channel"),
    "cannot-create-channel": BayeuxError((SUBSCRIBE,), "403::Cannot create channel {subscription}"),
    "replay-id-invalid": BayeuxError(
        (SUBSCRIBE,),
        "400::The replayId {{17}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
        "or -1 to replay only new events.",
    ),
    "channel-does-not-exist": BayeuxError(
        (SUBSCRIBE,), "400::The channel you requested to subscribe to does not exist {{{subscription}}}"
    ),
    "channel-does-not-exist-as-documented": BayeuxError(
        (SUBSCRIBE,), "400::The channel you requested to subscribe to doesn't exist {{{subscription}}}"
    ),
    "no-channel-name": BayeuxError((SUBSCRIBE,), "400::Channel name not specified"),
    "wrong-user": BayeuxError(
        (CONNECT, SUBSCRIBE), "400::Authenticated user id does not match the session's user id"
    ),
    "invalid-connection-type": BayeuxError((CONNECT,), "400::Invalid connection type"),
    "no-entity-access": BayeuxError(
        (SUBSCRIBE,), "403::Subscriber does not have access to the entity in this topic"
    ),
    "not-enabled-for-streaming": BayeuxError((SUBSCRIBE,), "403::User not enabled for streaming"),
    "topic-subscription-limit": BayeuxError((SUBSCRIBE,), "403::Subscription limit exceeded for this topic"),
    "dynamic-channel-limit": BayeuxError(
        (SUBSCRIBE,), "403::Unable to create channel dynamically, maximum channel limit has been exceeded"
    ),
    "no-channel-access": BayeuxError((SUBSCRIBE,), "403::No access on channel"),
    "channel-names-differ-by-case": BayeuxError((SUBSCRIBE,), "404::channel names may not vary only by case"),
    "unknown-channel": BayeuxError((SUBSCRIBE,), "404::Unknown channel"),
    # "Handling Streaming API Errors": the 503 hides behind an error that says something else.
    "server-too-busy": BayeuxError(
        (CONNECT, HANDSHAKE, SUBSCRIBE),
        "401::Authentication invalid",
        "503::Server is too busy.  Please try your request again later.",
        advice="none",
    ),
}  # fmt: skip


def completed(spec: FaultSpec) -> FaultSpec:
    """A planned error strikes where Salesforce sends it, unless it says otherwise. ValueError when there is none."""
    channels = error_of(spec).channels
    if "channel" in spec.where or not channels:
        return spec
    return replace(spec, where={**spec.where, "channel": channels[0]})


def error_of(spec: FaultSpec) -> BayeuxError:
    """The error that a planned fault names, or spells out; ValueError when it does neither."""
    settings = spec.settings
    if "name" not in settings and "error" not in settings:
        raise ValueError("a Bayeux error has a name or an error")
    name = str(settings.get("name", ""))
    if "error" in settings:
        reason, text = settings.get("failure_reason"), str(settings["error"]).replace("{", "{{").replace("}", "}}")
        return BayeuxError((), text, None if reason is None else str(reason))
    if name not in BAYEUX_ERRORS:
        raise ValueError(f"no such Bayeux error: {name}; there are {', '.join(BAYEUX_ERRORS)}")
    return BAYEUX_ERRORS[name]
