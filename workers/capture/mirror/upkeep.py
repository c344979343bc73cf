"""Looks after a team's mirror: events about to expire unread, fields added to the org, changes missed."""

from __future__ import annotations

import asyncio
import random

import structlog

from schemas.documents import Job, ReadRequest
from schemas.events import ENTITIES, Entity
from workers.capture.committer import Move, Submission
from workers.capture.jobfile import post
from workers.capture.mirror.readings import Readings
from workers.core.capture.positions import PENDING
from workers.core.capture.reconciling import EVERY_MS
from workers.core.capture.snapshots import digest_of
from workers.core.capture.upkeep import expires_soon, has_other_fields
from workers.ports import Refused, Unavailable

log = structlog.get_logger()

DAY_MS = 86_400_000


class Upkeep:
    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._team = readings.team
        self._context = readings.context
        self._checked_ms: dict[Entity, int] = {}

    async def run(self) -> None:
        """For ever. A round that fails is made up for by the next."""
        pace = self._context.pace
        # Sessions of a whole shard begin at once.
        await asyncio.sleep(random.uniform(0, pace.upkeep_seconds))  # noqa: S311 - spreads load, guards nothing
        while True:
            await self.round()
            await asyncio.sleep(pace.upkeep_seconds)

    async def round(self) -> None:
        now_ms = self._context.clock.now_ms()
        for entity in ENTITIES:
            try:
                await self._before_events_expire(entity, now_ms)
                if now_ms - self._checked_ms.get(entity, 0) >= DAY_MS:
                    await self._look_for_fields(entity)
                    await self._reconcile(entity, now_ms)
                    self._checked_ms[entity] = now_ms
            except (Unavailable, Refused) as error:
                log.warning("upkeep interrupted", team=self._team, entity=entity, reason=str(error))

    async def _before_events_expire(self, entity: Entity, now_ms: int) -> None:
        position = self._context.committer.position(self._team, entity)
        threshold_ms = round(self._context.pace.headroom_hours * 3_600_000)
        since_ms = expires_soon(position, now_ms, threshold_ms)
        if since_ms is not None:
            log.warning("events expire soon", team=self._team, entity=entity, confirmed_ms=position.confirmed_ms)
            await self._owe(Move(entity, due_since_ms=since_ms))

    async def _look_for_fields(self, entity: Entity) -> None:
        position = self._context.committer.position(self._team, entity)
        if position.snapshot.state != "done":
            return
        digest = digest_of(await self._readings.described.types(entity, max_age_seconds=0))
        if has_other_fields(position, digest):
            log.info("fields have changed", team=self._team, entity=entity)
            await self._owe(Move(entity, snapshot=PENDING))
        elif position.fields_digest is None:
            await self._owe(Move(entity, fields_digest=digest))

    async def _owe(self, move: Move) -> None:
        await self._context.committer.commit(Submission(self._team, moves=(move,)))
        self._readings.begin([move.entity])

    async def _reconcile(self, entity: Entity, now_ms: int) -> None:
        """A week after the last time, or after the last reading."""
        job_id, jobs = f"reconcile-{entity}", self._context.store.jobs
        last = (await jobs.load([(self._team, job_id)])).get((self._team, job_id))
        reading = self._context.committer.position(self._team, entity).snapshot
        known_ms = max(last.updated_at_ms if last else 0, reading.began_ms or 0)
        if reading.state == "done" and now_ms - known_ms >= EVERY_MS:
            request = ReadRequest(entity=entity)
            await post(
                jobs,
                Job(
                    team=self._team,
                    job_id=job_id,
                    kind="reconcile",
                    state="pending",
                    request=request,
                    updated_at_ms=now_ms,
                ),
            )
