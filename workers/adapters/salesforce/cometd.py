"""The change stream of one team over CometD."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping

from aiocometd_ng.exceptions import AiocometdException, ServerError

from schemas.events import ENTITIES, Entity
from workers.adapters.salesforce import bayeux_errors
from workers.adapters.salesforce.cometd_client import CdcClient
from workers.adapters.salesforce.cometd_inbox import Inbox
from workers.adapters.salesforce.cometd_watch import Watch
from workers.adapters.salesforce.names import CHANNEL
from workers.adapters.salesforce.tokens import Tokens
from workers.adapters.salesforce.urls import host_of
from workers.core.capture.session_machine import Refusal
from workers.core.normalize import parse_origin
from workers.core.origin import CLIENT_NAME
from workers.ports import Clock, Refused, StreamBatch, StreamEnded, StreamEvent, Unavailable
from workers.runtime.pacing import Pacing

OPEN_SECONDS = 30.0
"""For the handshake, the first connect and three subscriptions: the library sets no limit before the first advice."""


HANDSHAKES_PER_SECOND = 20.0
"""Of one process: 2,000 teams are connected anew within 100 s, and no core is busy with only that."""

HANDSHAKES_PER_SECOND_OF_HOST = 1.0
HANDSHAKES_AT_ONCE_OF_HOST = 3
"""Salesforce refuses "simultaneous connections per server" without saying how many are too many."""


class Handshakes:
    """The pace of new sessions, shared by all streams of a process."""

    def __init__(self) -> None:
        self._all = Pacing(HANDSHAKES_PER_SECOND, int(HANDSHAKES_PER_SECOND))
        self._hosts: dict[str, Pacing] = {}

    async def turn(self, host: str) -> None:
        if host not in self._hosts:
            self._hosts[host] = Pacing(HANDSHAKES_PER_SECOND_OF_HOST, HANDSHAKES_AT_ONCE_OF_HOST)
        await self._hosts[host].turn()
        await self._all.turn()


class CometdStream:
    """`ChangeStream` over the library's client; a new client for every call of `events`."""

    def __init__(
        self,
        tokens: Tokens,
        clock: Clock,
        handshakes: Handshakes,
        delivered: Callable[[int, int], None] = lambda _events, _own: None,
    ) -> None:
        """`delivered` is told how many events came, each of which counts against the org's daily limit, and how many of
        them we caused ourselves."""
        self._tokens = tokens
        self._clock = clock
        self._handshakes = handshakes
        self._delivered = delivered

    async def events(self, positions: Mapping[Entity, str | None]) -> AsyncIterator[StreamBatch]:
        await self._handshakes.turn(host_of(self._tokens.connection.instance_url))
        session = _Session(self._tokens, self._clock, positions)
        try:
            yield StreamBatch(refused=await session.open())
            while True:
                batch = await session.batch()
                self._delivered(len(batch.events), sum(map(is_own, batch.events)))
                yield batch
        finally:
            await session.close()


def is_own(event: StreamEvent) -> bool:
    header = event.payload.get("ChangeEventHeader")
    return isinstance(header, Mapping) and parse_origin(header.get("changeOrigin")).client == CLIENT_NAME


class _Session:
    """One client, the task that notices when it loses its connection, and what has arrived."""

    def __init__(self, tokens: Tokens, clock: Clock, positions: Mapping[Entity, str | None]) -> None:
        self._tokens = tokens
        starts = {entity: positions.get(entity) for entity in ENTITIES}
        self._watch = Watch(tokens.connection.team)
        self._inbox = Inbox(self._watch, clock, starts)
        on_the_wire = {CHANNEL[entity]: replay_id for entity, replay_id in starts.items()}
        self._client = CdcClient(tokens, on_the_wire, self._watch, self._inbox)
        self._guard: asyncio.Task[None] | None = None

    async def open(self) -> dict[Entity, Refusal]:
        """The channels that were refused."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._client.open()
                self._guard = asyncio.create_task(self._notice_loss())
                refused = await self._subscribe()
        except _LIBRARY_ERRORS as error:
            meaning = self._meaning(error)
            if meaning is error:
                raise
            raise meaning from error
        if self._watch.failure is not None:
            raise self._watch.failure
        self._watch.subscribed = True
        return refused

    async def batch(self) -> StreamBatch:
        """All that has arrived, or the first that arrives."""
        while True:
            self._watch.wake.clear()
            if (arrived := self._inbox.take()) is not None:
                return arrived
            if self._watch.failure is not None:
                raise self._watch.failure
            if self._watch.silence_left_seconds <= 0:
                team = self._watch.team
                raise StreamEnded(f"the change stream of team {team} has been silent for too long", "silent")
            await self._wait_for_news()

    async def close(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
        if self._watch.token_rejected and self._client.access is not None:
            self._tokens.discard(self._client.access)
        await self._client.shut()

    async def _subscribe(self) -> dict[Entity, Refusal]:
        refused: dict[Entity, Refusal] = {}
        for entity, channel in CHANNEL.items():
            try:
                await self._client.subscribe(channel)
            except ServerError as error:
                if self._watch.failure is not None or not isinstance(error.response, dict):
                    raise
                refused[entity] = bayeux_errors.refusal(error.response, self._watch.team)
        return refused

    async def _notice_loss(self) -> None:
        await self._client.connection_lost()
        self._watch.fail(self._unanswered("connection lost"))

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(self._watch.silence_left_seconds):
                await self._watch.wake.wait()
        except TimeoutError:
            return  # replies without events prolong the wait: the caller looks again

    def _meaning(self, error: Exception) -> Exception:
        """The library's errors follow from what the watch has seen first, if it has seen anything."""
        if self._watch.failure is not None:
            return self._watch.failure
        if isinstance(error, Refused | StreamEnded):
            return error
        if isinstance(error, ServerError) and isinstance(error.response, dict):
            refusal = bayeux_errors.refusal(error.response, self._watch.team)
            return StreamEnded(refusal.reason, refusal.trouble)
        if isinstance(error, KeyError | TypeError | AttributeError):
            return error  # no odd reply explains it: a bug
        return self._unanswered(str(error) or "timed out")

    def _unanswered(self, why: str) -> StreamEnded:
        host = host_of(self._tokens.connection.instance_url)
        return StreamEnded(f"Salesforce does not answer the change stream at {host}: {why}", "network")


_LIBRARY_ERRORS = (
    AiocometdException,
    TimeoutError,
    json.JSONDecodeError,
    Refused,
    Unavailable,
    # What the library runs into when a reply is no list of Bayeux messages.
    KeyError,
    TypeError,
    AttributeError,
)
