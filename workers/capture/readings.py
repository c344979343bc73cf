"""The readings of one team, beside its stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NoReturn

import structlog

from schemas.documents import Job, ReadRequest
from schemas.events import ENTITIES, Entity
from workers.capture.committer import Move, Submission
from workers.capture.context import Context
from workers.capture.described import Described
from workers.capture.importer import Importer
from workers.capture.jobfile import post
from workers.capture.pace import Backoff
from workers.capture.progress import ImportProgress
from workers.capture.rereads import Rereader
from workers.ports import Refused, SalesforceOrg, Unavailable

log = structlog.get_logger()


class Readings:
    """At most one reading of each entity at a time; what it reads is what the position says it owes."""

    def __init__(self, team: str, org: SalesforceOrg, context: Context, tasks: asyncio.TaskGroup) -> None:
        self.team = team
        self.org = org
        self.context = context
        self.described = Described(org)
        self.rereader = Rereader(team, org, self.described, context.clock)
        self._tasks = tasks
        self._progress = ImportProgress(context.store.jobs, team, context.clock, context.pace)
        self.lenient: frozenset[Entity] = frozenset()
        """Entities that may refuse to be read without an end of the session."""
        self._running: dict[Entity, asyncio.Task[None]] = {}
        self._refused: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        self._telling = tasks.create_task(self._progress.run())

    def begin(self, entities: Iterable[Entity] = ENTITIES) -> None:
        """Do what the positions owe, unless it is being done."""
        for entity in entities:
            if entity not in self._running:
                self._running[entity] = self._tasks.create_task(self._read(entity))

    async def begin_when_committed(self, entities: Iterable[Entity]) -> None:
        """For what the stream has submitted."""
        await self.context.committer.settled(self.team)
        self.begin(entities)

    async def refused(self) -> NoReturn:
        """Raises Refused once a reading was: whatever connection there is has no right to go on then."""
        await asyncio.shield(self._refused)

    def close(self) -> None:
        for task in (self._telling, *self._running.values()):
            task.cancel()
        if not self._refused.cancel() and not self._refused.cancelled():
            self._refused.exception()  # looked at, whoever was told of it

    async def _read(self, entity: Entity) -> None:
        try:
            while True:
                await Importer(self.team, entity, self.org, self.context, self.described, self._progress).run()
                if not self.context.committer.position(self.team, entity).sweep_due:
                    return
                await self._ask_for_sweep(entity)
        except Refused as error:
            if entity in self.lenient:
                log.warning("reading refused", team=self.team, entity=entity, reason=str(error))
            elif not self._refused.done():
                self._refused.set_exception(error)
        finally:
            del self._running[entity]

    async def _ask_for_sweep(self, entity: Entity) -> None:
        backoff = Backoff.of(self.context.pace)
        while True:
            try:
                await post(self.context.store.jobs, self._sweep(entity))
            except Unavailable as error:
                log.warning("sweep waits", team=self.team, entity=entity, reason=str(error))
                await backoff.pause()
            else:
                # From here on the job is what is owed.
                await self.context.committer.commit(Submission(self.team, moves=(Move(entity, swept=True),)))
                return

    def _sweep(self, entity: Entity) -> Job:
        return Job(
            team=self.team,
            job_id=f"sweep-{entity}",
            kind="sweep",
            state="pending",
            request=ReadRequest(entity=entity),
            updated_at_ms=self.context.clock.now_ms(),
        )
