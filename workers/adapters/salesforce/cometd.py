"""The change stream of one team over CometD."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiocometd_ng.exceptions import AiocometdException, ServerError

from schemas.events import ENTITIES, Entity
from workers.adapters.salesforce import bayeux_errors
from workers.adapters.salesforce.cometd_client import CdcClient
from workers.adapters.salesforce.cometd_watch import Watch
from workers.adapters.salesforce.names import CHANNEL, ENTITY_OF_CHANNEL
from workers.adapters.salesforce.tokens import Tokens
from workers.adapters.salesforce.urls import host_of
from workers.ports import Clock, Refused, ReplayRefused, StreamEvent, Unavailable

OPEN_SECONDS = 30.0
"""For the handshake, the first connect and three subscriptions: the library sets no limit before the first advice."""

PENDING_EVENTS = 5_000
"""What may wait for a slow consumer, about 10 MB. Beyond it polling stops, Salesforce ends the session after 40 s, and
the stream starts again from the stored positions."""

ALL_RETAINED_EVENTS = "-2"  # Salesforce's replay option


class CometdStream:
    """`ChangeStream` over the library's client; a new client for every call of `events`."""

    def __init__(self, tokens: Tokens, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock

    async def events(self, positions: Mapping[Entity, str | None]) -> AsyncIterator[Sequence[StreamEvent]]:
        session = _Session(self._tokens, self._clock, positions)
        try:
            await session.open()
            yield []
            while True:
                yield await session.batch()
        finally:
            await session.close()


class _Session:
    """One client, the task that drains it, and what has arrived."""

    def __init__(self, tokens: Tokens, clock: Clock, positions: Mapping[Entity, str | None]) -> None:
        self._tokens = tokens
        self._clock = clock
        self._replay_ids = {entity: positions.get(entity) for entity in ENTITIES}
        self._wake = asyncio.Event()
        self._watch = Watch(tokens.connection.team, self._wake)
        self._pending: asyncio.Queue[StreamEvent] = asyncio.Queue(PENDING_EVENTS)
        starts = {CHANNEL[entity]: replay_id for entity, replay_id in self._replay_ids.items()}
        self._client = CdcClient(tokens, starts, self._watch)
        self._pump: asyncio.Task[None] | None = None

    async def open(self) -> None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._client.open()
                self._pump = asyncio.create_task(self._receive())
                await self._subscribe()
        except _LIBRARY_ERRORS as error:
            meaning = self._meaning(error)
            if meaning is error:
                raise
            raise meaning from error
        if self._watch.failure is not None:
            raise self._watch.failure
        self._watch.subscribed = True

    async def batch(self) -> list[StreamEvent]:
        """All that has arrived, or the first that arrives."""
        while True:
            self._wake.clear()
            if arrived := self._drained():
                return arrived
            self._raise_if_over()
            await self._wait_for_news()

    async def close(self) -> None:
        if self._pump is not None:
            # Cancelling `receive` may drop an event: it was never yielded, so its position has not moved.
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._watch.token_rejected and self._client.access is not None:
            self._tokens.discard(self._client.access)
        await self._client.shut()

    async def _subscribe(self) -> None:
        refused: frozenset[Entity] = frozenset()
        for channel in CHANNEL.values():
            try:
                await self._client.subscribe(channel)
            except ServerError as error:
                meaning = self._meaning(error)
                if not isinstance(meaning, ReplayRefused):
                    raise meaning from error
                refused |= meaning.entities
        if refused:
            raise ReplayRefused(refused)

    async def _receive(self) -> None:
        try:
            while True:
                message = await self._client.receive()
                if self._watch.failure is not None:
                    return  # after the first failure, what arrives may lie behind a gap
                await self._pending.put(self._event(message))
                self._wake.set()
        except _LIBRARY_ERRORS as error:
            self._watch.fail(self._meaning(error))
        finally:
            self._wake.set()

    def _event(self, message: Mapping[str, Any]) -> StreamEvent:
        """Malformed content is passed on for the consumer to park; without a replay id the last one stands in."""
        entity = ENTITY_OF_CHANNEL.get(str(message.get("channel")))
        if entity is None:
            raise Refused(f"Salesforce sent an event on {message.get('channel')!r}, which nobody subscribed to")
        data = message.get("data")
        data = data if isinstance(data, dict) else {"data": data}
        event, payload = data.get("event"), data.get("payload")
        if isinstance(event, dict) and event.get("replayId") is not None:
            self._replay_ids[entity] = str(event["replayId"])
        replay_id = self._replay_ids[entity] or ALL_RETAINED_EVENTS
        return StreamEvent(entity, replay_id, payload if isinstance(payload, dict) else data, self._clock.now_ms())

    def _drained(self) -> list[StreamEvent]:
        return [self._pending.get_nowait() for _ in range(self._pending.qsize())]

    def _raise_if_over(self) -> None:
        if self._watch.failure is not None:
            raise self._watch.failure
        if self._pump is not None and self._pump.done():
            self._pump.result()
        if self._watch.silence_left_seconds <= 0:
            raise Unavailable(f"the change stream of team {self._watch.team} has been silent for too long")

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(self._watch.silence_left_seconds):
                await self._wake.wait()
        except TimeoutError:
            return  # replies without events prolong the wait: the caller looks again

    def _meaning(self, error: Exception) -> Exception:
        """The library's errors follow from what the watch has seen first, if it has seen anything."""
        if self._watch.failure is not None:
            return self._watch.failure
        if isinstance(error, Refused | Unavailable | ReplayRefused):
            return error
        if isinstance(error, ServerError) and isinstance(error.response, dict):
            return bayeux_errors.failure(error.response, self._watch.team)
        if isinstance(error, KeyError | TypeError | AttributeError):
            return error  # no odd reply explains it: a bug
        host = host_of(self._tokens.connection.instance_url)
        return Unavailable(f"Salesforce does not answer the change stream at {host}: {error or 'timed out'}")


_LIBRARY_ERRORS = (
    AiocometdException,
    TimeoutError,
    json.JSONDecodeError,
    Refused,
    Unavailable,
    ReplayRefused,
    # What the library runs into when a reply is no list of Bayeux messages.
    KeyError,
    TypeError,
    AttributeError,
)
