"""One connection of a session: from subscribing until the stream breaks, with the imports beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import cast

import structlog

from schemas.documents import Connection
from schemas.events import ENTITIES, Entity, Snapshot, Version
from schemas.topics import CHANGES, PARKED
from workers.capture import metrics
from workers.capture.committer import Move, Submission
from workers.capture.context import Context
from workers.capture.digest import EVENTS, Digest, digest
from workers.capture.importer import Importer
from workers.capture.progress import ImportProgress
from workers.core.normalize import snapshot_changes
from workers.core.poison import PoisonLimit
from workers.core.positions import PENDING
from workers.core.session_machine import Refusal
from workers.core.snapshots import must_restart, parts, readable, resume_from
from workers.ports import StreamBatch, StreamEnded, StreamEvent

log = structlog.get_logger()

REREAD_RECORDS = 200
"""Ids in one query: about 5,000 characters of a SOQL text that travels in a URL."""

RESUME = "segment-sync teams connect"
"""What makes a session begin again that was given up."""


class Attempt:
    def __init__(
        self,
        connection: Connection,
        context: Context,
        tasks: asyncio.TaskGroup,
        progress: ImportProgress,
        poison: PoisonLimit,
    ) -> None:
        self._connection = connection
        self._team = connection.team
        self._context = context
        self._committer = context.committer
        self._tasks = tasks
        self._progress = progress
        self._poison = poison
        self._org = context.orgs.org(connection)
        self._imports: dict[Entity, asyncio.Task[None]] = {}
        self._types: dict[Entity, dict[str, str]] = {}

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
            await self._begin_imports()
            async for batch in batches:
                for some in parts(batch.events, EVENTS):
                    await self._capture(some)
        raise StreamEnded("the stream of changes ended", "network")

    async def _begin_imports(self) -> None:
        """Only once subscribed: whatever changes after a query was created comes through the stream."""
        for entity in ENTITIES:
            position = self._committer.position(self._team, entity)
            if must_restart(position):
                await self._committer.commit(Submission(self._team, moves=(Move(entity, snapshot=PENDING),)))
            self._import(entity, PENDING if must_restart(position) else position.snapshot)

    def _import(self, entity: Entity, snapshot: Snapshot) -> None:
        self._progress.reached(entity, snapshot)
        if snapshot.state != "done":
            importer = Importer(self._team, entity, self._org, self._context, self._progress)
            self._imports[entity] = self._tasks.create_task(importer.run(snapshot))

    async def _capture(self, events: Sequence[StreamEvent]) -> None:
        read = digest(self._team, events)
        for entity, versions in read.rereads.items():
            await self._reread(entity, versions, read)
        for entity in read.whole & self._imports.keys():
            self._imports[entity].cancel()
        moves = tuple(read.moves.values())
        await self._committer.submit(Submission(self._team, tuple(read.changes), moves, tuple(read.parked)))
        for entity in read.whole:
            self._import(entity, PENDING)
        self._poison.note(read.malformed)
        if (why := self._poison.exceeded()) is not None:
            raise StreamEnded(f"{why}: see the topic {PARKED.name}, then {RESUME} {self._team}", "poisoned")

    async def _reread(self, entity: Entity, versions: Mapping[str, Version], read: Digest) -> None:
        """Before the position may move. A record that is gone is left alone: the event of its deletion follows."""
        if entity not in self._types:
            self._types[entity] = readable(entity, await self._org.fields(entity))
        ids = list(versions)
        for start in range(0, len(ids), REREAD_RECORDS):
            rows = await self._org.records(entity, ids[start : start + REREAD_RECORDS])
            metrics.REREADS.inc(len(rows))
            changes, parked = snapshot_changes(
                self._team,
                entity,
                rows,
                self._types[entity],
                self._context.clock.now_ms(),
                topic=CHANGES[entity].name,
                at_least=versions,
            )
            read.changes += changes
            read.parked += parked
