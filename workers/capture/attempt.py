"""One connection of a session: from subscribing until the stream breaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import cast

import structlog

from schemas.documents import Connection
from schemas.events import ENTITIES, Entity, Snapshot
from schemas.topics import PARKED
from workers.capture.committer import Move, Submission
from workers.capture.context import Context
from workers.capture.digest import EVENTS, digest
from workers.capture.readings import Readings
from workers.core.poison import PoisonLimit
from workers.core.session_machine import Refusal
from workers.core.snapshots import owed_after_silence, parts, resume_from
from workers.ports import StreamBatch, StreamEnded, StreamEvent

log = structlog.get_logger()

RESUME = "segment-sync teams connect"
"""What makes a session begin again that was given up."""


class Attempt:
    def __init__(self, connection: Connection, context: Context, readings: Readings, poison: PoisonLimit) -> None:
        self._connection = connection
        self._team = connection.team
        self._context = context
        self._committer = context.committer
        self._readings = readings
        self._poison = poison

    async def run(self, on_subscribed: Callable[[Mapping[Entity, Refusal]], None]) -> None:
        """Ends only with an exception."""
        await self._committer.settled(self._team)
        replay_ids = {entity: resume_from(self._committer.committed(self._team, entity)) for entity in ENTITIES}
        events = self._context.orgs.stream(self._connection).events(replay_ids)
        # The port promises an iterator; the adapters are generators, which must be closed to leave the org's session.
        async with aclosing(cast("AsyncGenerator[StreamBatch, None]", events)) as batches:
            first = await anext(batches)
            log.info("subscribed", team=self._team, refused=sorted(first.refused))
            on_subscribed(first.refused)
            await self._begin_readings()
            async for batch in batches:
                for some in parts(batch.events, EVENTS):
                    await self._capture(some)
        raise StreamEnded("the stream of changes ended", "network")

    async def _begin_readings(self) -> None:
        """Only once subscribed: whatever changes after a query was created comes through the stream."""
        now_ms = self._context.clock.now_ms()
        moves = []
        for entity in ENTITIES:
            owed = owed_after_silence(self._committer.position(self._team, entity), now_ms)
            if isinstance(owed, Snapshot):
                moves.append(Move(entity, snapshot=owed))
            elif owed is not None:
                moves.append(Move(entity, due_since_ms=owed))
        if moves:
            await self._committer.commit(Submission(self._team, moves=tuple(moves)))
        self._readings.begin()

    async def _capture(self, events: Sequence[StreamEvent]) -> None:
        read = digest(self._team, events)
        for entity, versions in read.rereads.items():
            # Before the position may move past the events that say so.
            found = await self._readings.rereader.read(entity, versions, at_least=versions)
            read.changes += found.changes
            read.parked += found.parked
        moves = tuple(read.moves.values())
        await self._committer.submit(Submission(self._team, tuple(read.changes), moves, tuple(read.parked)))
        if read.whole:
            await self._readings.begin_when_committed(read.whole)
        self._poison.note(read.malformed)
        if (why := self._poison.exceeded()) is not None:
            raise StreamEnded(f"{why}: see the topic {PARKED.name}, then {RESUME} {self._team}", "poisoned")
