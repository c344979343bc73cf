"""The readings of one team, beside its stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from schemas.documents import Job, ReadRequest
from schemas.events import ENTITIES, Entity
from workers.capture.committer import Move, Submission
from workers.capture.context import Context
from workers.capture.jobfile import post
from workers.capture.mirror.described import Described
from workers.capture.mirror.importer import Importer
from workers.capture.mirror.progress import ImportProgress
from workers.capture.mirror.rereads import Rereader
from workers.capture.pace import Backoff
from workers.ports import Refused, SalesforceOrg, Unavailable

log = structlog.get_logger()

REFUSED_FIRST_SECONDS = 300.0
REFUSED_CAP_SECONDS = 3600.0
"""Between two attempts at what the org refuses, as with channels (`core.session_machine`): a person must act first."""


@dataclass(frozen=True, slots=True)
class ReadingRefusal:
    since_ms: int
    reason: str


class Readings:
    """At most one reading of each entity at a time; what it reads is what the position says it owes."""

    def __init__(self, team: str, org: SalesforceOrg, context: Context, tasks: asyncio.TaskGroup) -> None:
        self.team = team
        self.org = org
        self.context = context
        self.described = Described(team, org, context.store)
        self.rereader = Rereader(team, org, self.described, context)
        self._tasks = tasks
        self._progress = ImportProgress(context.store.jobs, team, context.clock, context.pace)
        self.refusals: dict[Entity, ReadingRefusal] = {}
        """Entities that the org does not let us read. They hold up neither each other nor the stream: an authorisation
        that is refused as such ends with its session, whose stream it is refused to as well."""
        self._running: dict[Entity, asyncio.Task[None]] = {}
        self._try_now: dict[Entity, asyncio.Event] = {entity: asyncio.Event() for entity in ENTITIES}
        self._telling = tasks.create_task(self._progress.run())

    def begin(self, entities: Iterable[Entity] = ENTITIES, *, at_once: bool = False) -> None:
        """Do what the positions owe, unless it is being done. `at_once`: also what waits after a refusal."""
        for entity in entities:
            if at_once:
                self._try_now[entity].set()
            if entity not in self._running:
                self._running[entity] = self._tasks.create_task(self._read(entity))

    async def begin_when_committed(self, entities: Iterable[Entity]) -> None:
        """For what the stream has submitted."""
        await self.context.committer.settled(self.team)
        self.begin(entities)

    def was_refused(self, entity: Entity, reason: str) -> None:
        log.warning("reading refused", team=self.team, entity=entity, reason=reason)
        known = self.refusals.get(entity)
        since_ms = known.since_ms if known else self.context.clock.now_ms()
        self.refusals[entity] = ReadingRefusal(since_ms, reason)

    def was_allowed(self, entity: Entity) -> None:
        self.refusals.pop(entity, None)

    def close(self) -> None:
        for task in (self._telling, *self._running.values()):
            task.cancel()

    async def _read(self, entity: Entity) -> None:
        scale = self.context.pace.scale
        waits = Backoff(scale * REFUSED_FIRST_SECONDS, scale * REFUSED_CAP_SECONDS)
        try:
            while True:
                self._try_now[entity].clear()
                try:
                    return await self._read_and_sweep(entity)
                except Refused as error:
                    self.was_refused(entity, str(error))
                    self._progress.stuck(str(error))
                await self._wait_to_try(entity, waits.next_seconds())
        finally:
            del self._running[entity]

    async def _wait_to_try(self, entity: Entity, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._try_now[entity].wait()

    async def _read_and_sweep(self, entity: Entity) -> None:
        position = partial(self.context.committer.position, self.team, entity)
        while True:
            owed = position().snapshot.state != "done"
            await Importer(self.team, entity, self.org, self.context, self.described, self._progress).run()
            if owed:
                self.was_allowed(entity)
            if not position().sweep_due:
                return
            await self._ask_for_sweep(entity)

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
