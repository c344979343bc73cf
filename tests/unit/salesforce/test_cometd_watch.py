"""The first sign of trouble is noted, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from workers.adapters.salesforce.cometd_watch import Watch
from workers.core.capture.session_machine import Trouble
from workers.ports import StreamEnded

CONNECT = "/meta/connect"
CONTACTS = "/data/ContactChangeEvent"
EVENT = {"channel": CONTACTS, "data": {"payload": {}, "event": {"replayId": 1}}}


@pytest.fixture
async def watch() -> Watch:
    return Watch("acme")


def failure_of(watch: Watch) -> Exception | None:
    """Through a function, since the type checker takes an attribute for unchanged between two asserts."""
    return watch.failure


def trouble_of(watch: Watch) -> Trouble | None:
    return watch.failure.trouble if isinstance(watch.failure, StreamEnded) else None


def polled(watch: Watch, *extra: dict[str, Any], **reply: Any) -> None:
    watch.sent({"channel": CONNECT})
    watch.received([*extra, {"channel": CONNECT, "successful": True, **reply}])


def test_answered_polls_and_events_are_fine(watch: Watch) -> None:
    polled(watch)
    polled(watch, EVENT)
    assert watch.failure is None
    assert not watch.wake.is_set()


def test_a_poll_after_an_unanswered_one_means_lost_events(watch: Watch) -> None:
    watch.sent({"channel": CONNECT})
    watch.sent({"channel": "/meta/subscribe"})
    assert failure_of(watch) is None
    watch.sent({"channel": CONNECT})
    assert trouble_of(watch) == "network"
    assert watch.wake.is_set()


def test_the_first_failure_stays(watch: Watch) -> None:
    polled(watch, successful=False, error="403::Unknown client")
    polled(watch, successful=False, error="400::Something else")
    assert "403::Unknown client" in str(watch.failure)


@pytest.mark.parametrize("payload", [{"message": "x"}, None, "text", [1], [[]]])
def test_what_is_not_bayeux_ends_the_stream(watch: Watch, payload: object) -> None:
    assert not watch.received(payload)
    assert trouble_of(watch) == "network"


def test_the_server_may_say_goodbye(watch: Watch) -> None:
    assert watch.received([{"channel": "/meta/disconnect"}])
    assert trouble_of(watch) == "session_lost"


def test_a_refused_resubscription_is_noticed_and_a_refused_subscription_left_to_the_subscriber(watch: Watch) -> None:
    refusal = {
        "channel": "/meta/subscribe",
        "subscription": CONTACTS,
        "successful": False,
        "error": "400::The replayId {1} you provided was invalid.  Please provide a valid ID",
    }
    watch.received([refusal])
    assert failure_of(watch) is None
    watch.subscribed = True
    watch.received([refusal])
    assert trouble_of(watch) == "replay_refused"


def test_a_subscription_that_finds_no_session_is_not_for_the_subscriber(watch: Watch) -> None:
    watch.received(
        [{"channel": "/meta/subscribe", "subscription": CONTACTS, "successful": False, "error": "403::Unknown client"}]
    )
    assert trouble_of(watch) == "session_lost"


def test_a_rejected_token_ends_the_session(watch: Watch) -> None:
    polled(watch, successful=False, error="401::Authentication invalid")
    assert watch.token_rejected
    assert trouble_of(watch) == "authentication"


def test_a_lost_session_is_no_matter_of_tokens(watch: Watch) -> None:
    polled(watch, successful=False, error="403::Unknown client")
    assert not watch.token_rejected


def test_an_overloaded_server_behind_a_401_is_no_matter_of_tokens(watch: Watch) -> None:
    busy = {"sfdc": {"failureReason": "503::Server is too busy.  Please try your request again later."}}
    polled(watch, successful=False, error="401::Authentication invalid", ext=busy)
    assert not watch.token_rejected
    assert trouble_of(watch) == "overloaded"


def test_the_gateways_answer_to_an_expired_token(watch: Watch) -> None:
    watch.received([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
    assert watch.token_rejected
    assert trouble_of(watch) == "authentication"


def test_only_a_poll_that_was_held_says_that_nothing_happened(watch: Watch) -> None:
    watch.subscribed = True
    polled(watch, advice={"timeout": 1e-9})
    polled(watch)
    assert watch.held
    polled(watch, advice={"timeout": 110_000})
    polled(watch)
    assert not watch.held, "answered at once"


def test_silence_is_measured_against_the_advised_timeout(watch: Watch) -> None:
    assert 160 < watch.silence_left_seconds <= 165
    polled(watch, advice={"timeout": 2_000, "interval": 0})
    assert watch.silence_left_seconds <= 3
    polled(watch, advice={"reconnect": "retry"})
    assert watch.silence_left_seconds <= 3


def test_the_advised_pause_reaches_the_library_in_seconds(watch: Watch) -> None:
    advice = {"interval": 2_000, "timeout": 110_000}
    polled(watch, advice=advice)
    assert advice["interval"] == 2
