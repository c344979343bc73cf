"""Reads what an entity already holds through a Bulk query, page by page, while the stream is open."""

from __future__ import annotations

import asyncio

import structlog

from schemas.events import Change, Entity, Parked, Snapshot
from schemas.topics import CHANGES
from workers.capture import metrics
from workers.capture.committer import PART_ROWS, Move, Submission
from workers.capture.context import Context
from workers.capture.pace import Backoff
from workers.capture.progress import ImportProgress
from workers.core.normalize import snapshot_changes
from workers.core.positions import PENDING
from workers.core.snapshots import page_read, parts, query_for, readable, started
from workers.ports import Refused, SalesforceOrg, Unavailable

log = structlog.get_logger()

COMPLETE = "JobComplete"
ENDED = frozenset({"Failed", "Aborted"})


class QueryFailed(Exception):
    """Salesforce gave a query job up: it must be created again."""


class Importer:
    """Imports one entity of one team."""

    def __init__(
        self,
        team: str,
        entity: Entity,
        org: SalesforceOrg,
        context: Context,
        progress: ImportProgress,
    ) -> None:
        self._team = team
        self._entity = entity
        self._org = org
        self._committer = context.committer
        self._progress = progress
        self._clock = context.clock
        self._pace = context.pace
        self._types: dict[str, str] = {}
        self._resumed = True

    async def run(self, snapshot: Snapshot) -> None:
        """Until the entity is read whole, from wherever a predecessor came to. Raises Refused."""
        backoff = Backoff.of(self._pace)
        failed = Backoff(self._pace.backoff_base_seconds, self._pace.failed_query_cap_seconds)
        self._resumed = snapshot.state == "running"
        self._progress.reached(self._entity, snapshot)
        while snapshot.state != "done":
            try:
                snapshot = await self._step(snapshot)
                backoff.reset()
            except Unavailable as error:
                self._waits(str(error))
                await backoff.pause()
            except QueryFailed as error:
                self._waits(str(error))
                snapshot = PENDING
                await failed.pause()
            except Refused:
                # A job of a predecessor may have expired (results are kept for some days); a new one may not.
                if not self._resumed:
                    raise
                snapshot = PENDING
        log.info("imported", team=self._team, entity=self._entity, rows=snapshot.rows)

    def _waits(self, reason: str) -> None:
        log.warning("import waits", team=self._team, entity=self._entity, reason=reason)
        self._progress.stuck(reason)

    async def _step(self, snapshot: Snapshot) -> Snapshot:
        if snapshot.state == "pending" or snapshot.job_id is None:
            return await self._start()
        await self._completed(snapshot.job_id)
        return await self._read_page(snapshot, snapshot.job_id)

    async def _start(self) -> Snapshot:
        self._resumed = False
        fields = await self._org.fields(self._entity)
        self._types = readable(self._entity, fields)
        job_id = await self._org.query_create(query_for(self._entity, fields))
        metrics.SNAPSHOTS.labels(self._entity).inc()
        snapshot = started(job_id)
        await self._commit([], [], snapshot)
        self._progress.reached(self._entity, snapshot)
        return snapshot

    async def _completed(self, job_id: str) -> None:
        """Wait until Salesforce has collected the results. Raises QueryFailed."""
        wait_seconds = self._pace.query_poll_seconds
        while (state := await self._org.query_state(job_id)).state != COMPLETE:
            if state.state in ENDED:
                raise QueryFailed(f"Salesforce's Bulk query {job_id} of {self._entity}s {state.state}: {state.error}")
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 1.5, self._pace.query_poll_cap_seconds)
        self._progress.expects(self._entity, state.processed)

    async def _read_page(self, snapshot: Snapshot, job_id: str) -> Snapshot:
        """Commit a page in parts; only the last part moves the position, so that a crash repeats the page."""
        page = await self._org.query_page(job_id, snapshot.locator)
        if not self._types:
            self._types = readable(self._entity, await self._org.fields(self._entity))
        reached = page_read(snapshot, len(page.rows), page.locator)
        committed = 0
        for part in parts(page.rows, PART_ROWS):
            committed += len(part)
            changes, parked = snapshot_changes(
                self._team,
                self._entity,
                part,
                self._types,
                self._clock.now_ms(),
                topic=CHANGES[self._entity].name,
            )
            await self._commit(changes, parked, reached if committed == len(page.rows) else None)
            self._progress.reached(self._entity, snapshot, committed)
        self._progress.reached(self._entity, reached)
        return reached

    async def _commit(self, changes: list[Change], parked: list[Parked], snapshot: Snapshot | None) -> None:
        moves = () if snapshot is None else (Move(self._entity, snapshot=snapshot),)
        await self._committer.commit(Submission(self._team, tuple(changes), moves, tuple(parked)))
