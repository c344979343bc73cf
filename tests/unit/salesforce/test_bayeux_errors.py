"""Every text of Salesforce's "Streaming API Error Codes", and what it means to a session."""

from __future__ import annotations

from typing import Any

import pytest

from workers.adapters.salesforce.bayeux_errors import OF_ONE_CHANNEL, refusal
from workers.core.capture.session_machine import REACTIONS, Trouble

CONNECT = {"channel": "/meta/connect", "successful": False}
SUBSCRIBE = {"channel": "/meta/subscribe", "subscription": "/data/ContactChangeEvent", "successful": False}
HANDSHAKE = {"channel": "/meta/handshake", "error": "403::Handshake denied", "successful": False}


def hidden(text: str, over: dict[str, Any] = HANDSHAKE) -> dict[str, Any]:
    return {**over, "ext": {"sfdc": {"failureReason": text}, "replay": True}}


TABLE: list[tuple[dict[str, Any], Trouble]] = [
    ({**CONNECT, "error": "401::Authentication invalid"}, "authentication"),
    (hidden("401::Authentication invalid"), "authentication"),
    (hidden("401::Request requires authentication"), "authentication"),
    ({"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}, "authentication"),
    ({**CONNECT, "error": "403::Unknown client"}, "session_lost"),
    ({**CONNECT, "error": "402::Unknown client"}, "session_lost"),
    ({**SUBSCRIBE, "error": "403::Client has not completed handshake"}, "session_lost"),
    (
        {**CONNECT, "error": "400::Client 1a2b has established a session, but no BAYEUX_BROWSER cookie present"},
        "session_lost",
    ),
    ({**CONNECT, "error": "400::Authenticated user id does not match the session's user id"}, "session_lost"),
    (CONNECT, "session_lost"),
    (
        hidden(
            "403::To protect all customers from excessive use and Denial of Service attacks, we limit the number of "
            "simultaneous connections per server. Your request has been denied because this limit has been exceeded."
        ),
        "overloaded",
    ),
    (
        hidden(
            "503::Server is too busy.  Please try your request again later.",
            {**CONNECT, "error": "401::Authentication invalid"},
        ),
        "overloaded",
    ),
    ({"message": "Server unavailable", "errorCode": "SERVER_UNAVAILABLE"}, "session_lost"),
    (hidden("403::Organization concurrent user limit exceeded"), "too_many_clients"),
    ({**CONNECT, "error": "403::Organization total events daily limit exceeded"}, "events_used_up"),
    ({**SUBSCRIBE, "error": "403::Organization total events daily limit exceeded"}, "events_used_up"),
    ({**SUBSCRIBE, "error": "403::User not allowed to subscribe CDC without required permissions"}, "forbidden"),
    (
        {**SUBSCRIBE, "error": "403::User not allowed to subscribe CDC without View All Data permissions"},
        "forbidden",
    ),
    ({**SUBSCRIBE, "error": "403::Restricted channel"}, "forbidden"),
    ({**SUBSCRIBE, "error": "403::Cannot create channel /data/ContactChangeEvent"}, "forbidden"),
    (
        {**SUBSCRIBE, "error": "400::The channel you requested to subscribe to does not exist /data/X"},
        "forbidden",
    ),
    ({**SUBSCRIBE, "error": "404::Unknown channel"}, "forbidden"),
    ({**SUBSCRIBE, "error": "403::Subscriber does not have access to the entity in this topic"}, "forbidden"),
    ({**SUBSCRIBE, "error": "403::Subscription limit exceeded for this topic"}, "forbidden"),
    ({**SUBSCRIBE, "error": "403::No access on channel"}, "forbidden"),
    ({**HANDSHAKE, "error": "403::User not enabled for streaming"}, "forbidden"),
    (
        {
            **SUBSCRIBE,
            "error": "400::The replayId {5} you provided was invalid.  Please provide a valid ID, -2 to replay all "
            "events, or -1 to replay only new events.",
        },
        "replay_refused",
    ),
    (
        {
            **SUBSCRIBE,
            "error": "400::The replayId for channel {/data/X} wasn't found using the provided replay ID map {{}}. "
            "Ensure that the channel name you provided in the replay map is valid and matches the channel name used "
            "for subscribing.",
        },
        "replay_refused",
    ),
    ({**HANDSHAKE, "error": "400::API version in the URI is mandatory. URI format: '/cometd/43.0'"}, "unsupported"),
    ({**HANDSHAKE, "error": "400::Unsupported API version. Only API versions '37.0' and up"}, "unsupported"),
    ({**CONNECT, "error": "400::Invalid connection type websocket"}, "unsupported"),
    ({**SUBSCRIBE, "error": "400::Channel subscriptions must start with a leading '/'"}, "unsupported"),
    ({**CONNECT, "error": "413::Maximum Request Size Exceeded"}, "unsupported"),
]


@pytest.mark.parametrize(("message", "trouble"), TABLE)
def test_what_each_error_means(message: dict[str, Any], trouble: Trouble) -> None:
    found = refusal(message, "acme")

    assert found.trouble == trouble
    assert "acme" in found.reason


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            {**SUBSCRIBE, "error": "403::User not allowed to subscribe CDC without required permissions"},
            "select Contact under Setup > Change Data Capture and give the connected user 'View All' on Contact",
        ),
        ({**CONNECT, "error": "401::Authentication invalid"}, "segment-sync connections connect acme"),
        ({**HANDSHAKE, "error": "403::User not enabled for streaming"}, "Streaming API"),
    ],
)
def test_a_person_is_told_what_to_do(message: dict[str, Any], remedy: str) -> None:
    assert remedy in refusal(message, "acme").reason


def test_what_concerns_one_channel_may_leave_the_others_streaming() -> None:
    assert all(trouble == "replay_refused" or REACTIONS[trouble].polls for trouble in OF_ONE_CHANNEL)
