"""What has arrived on a session and was not consumed yet: bounded, so that a slow consumer holds up the next poll."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.events import Entity
from workers.adapters.salesforce.cometd_watch import Watch
from workers.adapters.salesforce.names import ENTITY_OF_CHANNEL
from workers.ports import Clock, StreamBatch, StreamEnded, StreamEvent

PENDING_EVENTS = 5_000
PENDING_BYTES = 8 * 1024 * 1024
"""Of replies, as JSON. Past either the next poll is not sent before the consumer has caught up."""

RETURN_SECONDS = 35.0
"""Salesforce ends a session whose client is away for 40 s after a reply. Just before that we leave in order; the stream
starts again from the stored positions."""

ALL_RETAINED_EVENTS = "-2"  # Salesforce's replay option


class Inbox:
    """`starts`: replay ids subscribed after, which stand in for the ids of events that carry none."""

    def __init__(self, watch: Watch, clock: Clock, starts: Mapping[Entity, str | None]) -> None:
        self._watch = watch
        self._clock = clock
        self._replay_ids = dict(starts)
        self._events: list[StreamEvent] = []
        self._bytes = 0
        self._taken = asyncio.Event()
        self._answered_ms: int | None = None
        self._quiet = False

    async def put(self, messages: Sequence[Mapping[str, Any]], reply_bytes: int, answered_ms: int | None) -> None:
        """Returns when the next poll may be sent. Never raises: the library would swallow it and go on."""
        if self._watch.failure is not None:
            return  # after the first failure, what arrives may lie behind a gap
        now_ms = self._clock.now_ms()
        self._answered_ms = answered_ms or now_ms
        if not messages:
            self._quiet = self._watch.held
            return
        for message in messages:
            entity = ENTITY_OF_CHANNEL.get(str(message.get("channel")))
            if entity is None:
                channel = message.get("channel")
                reason = f"Salesforce sent an event on {channel!r}, which nobody subscribed to"
                self._watch.fail(StreamEnded(reason, "unsupported"))
                return
            self._events.append(self._event(entity, message, now_ms))
        self._bytes += reply_bytes
        self._watch.wake.set()
        if len(self._events) >= PENDING_EVENTS or self._bytes >= PENDING_BYTES:
            await self._room()

    def take(self) -> StreamBatch | None:
        """All that has arrived; None when nothing has."""
        if not self._events and not self._quiet:
            return None
        batch = StreamBatch(self._events, answered_ms=self._answered_ms)
        self._events, self._bytes, self._quiet = [], 0, False
        self._taken.set()
        return batch

    async def _room(self) -> None:
        self._taken.clear()
        try:
            async with asyncio.timeout(RETURN_SECONDS):
                await self._taken.wait()
        except TimeoutError:
            reason = f"the change stream of team {self._watch.team} waits for Kafka"
            self._watch.fail(StreamEnded(reason, "congested"))

    def _event(self, entity: Entity, message: Mapping[str, Any], now_ms: int) -> StreamEvent:
        """Malformed content is passed on for the consumer to park; without a replay id the last one stands in."""
        data = message.get("data")
        data = data if isinstance(data, dict) else {"data": data}
        event, payload = data.get("event"), data.get("payload")
        if isinstance(event, dict) and event.get("replayId") is not None:
            self._replay_ids[entity] = str(event["replayId"])
        replay_id = self._replay_ids.get(entity) or ALL_RETAINED_EVENTS
        return StreamEvent(entity, replay_id, payload if isinstance(payload, dict) else data, now_ms)
