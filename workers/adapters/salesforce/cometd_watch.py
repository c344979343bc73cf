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
from workers.ports import Unavailable

ADVISED_TIMEOUT_MS = 110_000
"""Salesforce's long poll, until a reply advises another."""

SILENCE_FACTOR = 1.5
"""A poll is answered within the advised timeout; the library gives it 1.2 times that."""


class Watch:
    """Fed with every message sent and every payload received. `wake` is set at the first failure."""

    def __init__(self, team: str, wake: asyncio.Event) -> None:
        self.team = team
        self.failure: Exception | None = None
        self.subscribed = False
        """Until then a refused subscription is for the subscriber to judge."""
        self.token_rejected = False
        self._token_renewed = False
        self._wake = wake
        self._poll_unanswered = False
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
        self._wake.set()

    def token_renewed(self) -> None:
        """A token rejected again after this is a refusal."""
        self.token_rejected = False
        self._token_renewed = True

    def sent(self, message: Mapping[str, Any]) -> None:
        if message.get("channel") != MetaChannel.CONNECT:
            return
        if self._poll_unanswered:
            self.fail(Unavailable(f"a reply of the change stream of team {self.team} was lost"))
        self._poll_unanswered = True

    def received(self, payload: Any) -> None:
        """Never raises: the library would swallow it and go on."""
        self._last_reply_seconds = time.monotonic()
        if not isinstance(payload, list) or not all(isinstance(message, dict) for message in payload):
            self.fail(
                Unavailable(f"the change stream of team {self.team} was answered with something else than Bayeux")
            )
            return
        for message in payload:
            self._take_advice(message.get("advice"))
            self._judge(message)

    def _judge(self, message: Mapping[str, Any]) -> None:
        channel = message.get("channel")
        if channel == MetaChannel.CONNECT:
            self._poll_unanswered = False
        if channel == MetaChannel.DISCONNECT:  # API 64 and later: the server is being scaled down
            self.fail(Unavailable(f"Salesforce ended the change stream of team {self.team}"))
        elif message.get("successful"):
            self._token_renewed = False
        elif "successful" in message or channel is None:
            self._unsuccessful(message)

    def _unsuccessful(self, message: Mapping[str, Any]) -> None:
        channel = message.get("channel")
        if bayeux_errors.is_authentication(bayeux_errors.reason(message)) and not self._token_renewed:
            self.token_rejected = True
            if channel is not None:
                return  # the library asks for a token and sends the payload again
        if channel == MetaChannel.SUBSCRIBE and not self.subscribed:
            return
        self.fail(bayeux_errors.failure(message, self.team))

    def _take_advice(self, advice: Any) -> None:
        if not isinstance(advice, dict):
            return
        timeout_ms = advice.get("timeout")
        if isinstance(timeout_ms, int | float) and timeout_ms > 0:
            self._advised_timeout_ms = timeout_ms
        interval_ms = advice.get("interval")
        if isinstance(interval_ms, int | float):
            advice["interval"] = interval_ms / 1000  # Bayeux counts milliseconds, the library sleeps seconds
