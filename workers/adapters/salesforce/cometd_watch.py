"""What is seen of every CometD exchange: the last sign of life and the first failure.

The library reconnects by itself, and would lose events doing so. A session that goes on after a lost reply has lost
that reply's events (Salesforce offers no acknowledgement), and a new session may not get its subscriptions back
without anybody hearing of it. So the first sign of trouble ends the stream, and its owner starts again from the
positions that are stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiocometd_ng.constants import MetaChannel

from workers.adapters.salesforce import bayeux_errors
from workers.ports import StreamEnded

ADVISED_TIMEOUT_MS = 110_000
"""Salesforce's long poll, until a reply advises another."""

SILENCE_FACTOR = 1.5
"""A poll is answered within the advised timeout; the library gives it 1.2 times that."""

HELD_SHARE = 0.5
"""Of the advised timeout. A poll may be answered early without events, as when the client subscribes to something."""


class Watch:
    """Fed with every message sent and every payload received. `wake` is set at the first failure. Create inside a
    running event loop."""

    def __init__(self, team: str) -> None:
        self.team = team
        self.wake = asyncio.Event()
        self.failure: Exception | None = None
        self.subscribed = False
        """Until then a refused subscription is for the subscriber to judge."""
        self.token_rejected = False
        self.held = False
        """Whether the last reply ended a poll that the server had held for want of events."""
        self._poll_sent_seconds: float | None = None
        self._last_reply_seconds = time.monotonic()
        self._advised_timeout_ms: float = ADVISED_TIMEOUT_MS

    @property
    def silence_left_seconds(self) -> float:
        """Until the connection counts as dead; at or below zero it does."""
        limit_seconds = SILENCE_FACTOR * self._advised_timeout_ms / 1000
        return self._last_reply_seconds + limit_seconds - time.monotonic()

    def fail(self, error: Exception) -> None:
        if self.failure is None:
            self.failure = error
        self.wake.set()

    def sent(self, message: Mapping[str, Any]) -> None:
        if message.get("channel") != MetaChannel.CONNECT:
            return
        if self._poll_sent_seconds is not None:
            self.fail(StreamEnded(f"a reply of the change stream of team {self.team} was lost", "network"))
        self._poll_sent_seconds = time.monotonic()

    def received(self, payload: Any) -> bool:
        """Whether it is a list of Bayeux messages. Never raises: the library would swallow it and go on."""
        self._last_reply_seconds = time.monotonic()
        self.held = False
        if not isinstance(payload, list) or not all(isinstance(message, dict) for message in payload):
            reason = f"the change stream of team {self.team} was answered with something else than Bayeux"
            self.fail(StreamEnded(reason, "network"))
            return False
        for message in payload:
            self._take_advice(message.get("advice"))
            self._judge(message)
        return True

    def _judge(self, message: Mapping[str, Any]) -> None:
        channel = message.get("channel")
        if channel == MetaChannel.CONNECT:
            self._answered()
        if channel == MetaChannel.DISCONNECT:  # API 64 and later: the server is being scaled down
            self.fail(StreamEnded(f"Salesforce ended the change stream of team {self.team}", "session_lost"))
        elif not message.get("successful") and ("successful" in message or channel is None):
            self._unsuccessful(message)

    def _answered(self) -> None:
        if self._poll_sent_seconds is not None and self.subscribed:
            held_seconds = self._last_reply_seconds - self._poll_sent_seconds
            self.held = held_seconds >= HELD_SHARE * self._advised_timeout_ms / 1000
        self._poll_sent_seconds = None

    def _unsuccessful(self, message: Mapping[str, Any]) -> None:
        refusal = bayeux_errors.refusal(message, self.team)
        if (
            message.get("channel") == MetaChannel.SUBSCRIBE
            and not self.subscribed
            and refusal.trouble in bayeux_errors.OF_ONE_CHANNEL
        ):
            return
        self.token_rejected |= refusal.trouble == "authentication"
        self.fail(StreamEnded(refusal.reason, refusal.trouble))

    def _take_advice(self, advice: Any) -> None:
        if not isinstance(advice, dict):
            return
        timeout_ms = advice.get("timeout")
        if isinstance(timeout_ms, int | float) and timeout_ms > 0:
            self._advised_timeout_ms = timeout_ms
        interval_ms = advice.get("interval")
        if isinstance(interval_ms, int | float):
            advice["interval"] = interval_ms / 1000  # Bayeux counts milliseconds, the library sleeps seconds
