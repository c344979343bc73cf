"""The job document that shows how far a team's import is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from schemas.documents import Job
from schemas.events import ENTITIES, Entity, Snapshot
from workers.capture import metrics
from workers.capture.pace import Pace
from workers.ports import Clock, Documents, Unavailable

JOB_ID = "import"


@dataclass(slots=True)
class _Entity:
    rows: int = 0
    total: int | None = None
    done: bool = False


class ImportProgress:
    """Told by the importers, written by `run` a few times a second at most: it holds nobody up."""

    def __init__(self, jobs: Documents[Job], team: str, clock: Clock, pace: Pace) -> None:
        self._jobs = jobs
        self._team = team
        self._clock = clock
        self._pace = pace
        self._entities: dict[Entity, _Entity] = {entity: _Entity() for entity in ENTITIES}
        self._detail: str | None = None
        self._changed = asyncio.Event()

    def reached(self, entity: Entity, snapshot: Snapshot, rows_of_page: int = 0) -> None:
        """The state of an entity's snapshot, plus rows of the current page that are committed already."""
        seen = self._entities[entity]
        if snapshot.since_ms is not None:  # a small one, after an import whose end nobody may have told
            if not seen.done:
                seen.done = True
                self._changed.set()
            return
        seen.done = snapshot.state == "done"
        seen.rows = snapshot.rows + rows_of_page
        seen.total = None if snapshot.state == "pending" else seen.rows if seen.done else seen.total
        self._detail = None
        self._changed.set()

    def expects(self, entity: Entity, total: int) -> None:
        self._entities[entity].total = total
        self._changed.set()

    def stuck(self, detail: str) -> None:
        """Why an import waits."""
        self._detail = detail
        self._changed.set()

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                if not await self._write():
                    self._changed.set()
            except Unavailable:
                metrics.STORE_ERRORS.inc()
                self._changed.set()
            await asyncio.sleep(self._pace.progress_seconds)

    async def _write(self) -> bool:
        """Whether the document says what is so; False when somebody else wrote at the same time."""
        stored = (await self._jobs.load([(self._team, JOB_ID)])).get((self._team, JOB_ID))
        job = self._job(stored)
        if stored and stored.state == job.state == "done":
            return True
        if job.total is None and job.state == "done":  # read by a predecessor
            if stored is None:
                return True
            job = job.model_copy(update={"done": stored.done, "total": stored.total})
        if stored and job == stored.model_copy(update={"updated_at_ms": job.updated_at_ms}):
            return True
        return not await self._jobs.swap([job])

    def _job(self, stored: Job | None) -> Job:
        totals = [entity.total for entity in self._entities.values()]
        known = [total for total in totals if total is not None]
        return Job(
            team=self._team,
            job_id=JOB_ID,
            rev=stored.rev if stored else 0,
            kind="import",
            state="done" if all(entity.done for entity in self._entities.values()) else "running",
            done=sum(entity.rows for entity in self._entities.values()),
            total=sum(known) if len(known) == len(totals) else None,
            detail=self._detail,
            updated_at_ms=self._clock.now_ms(),
        )
