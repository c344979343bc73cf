"""Reads an entity, whole or what changed, page by page, while the stream is open."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog

from schemas.events import Entity, Snapshot, Version
from schemas.topics import CHANGES
from workers.capture import metrics
from workers.capture.allowance import within_budget
from workers.capture.committer import PART_ROWS, Move, Submission
from workers.capture.context import Context
from workers.capture.mirror.described import Described
from workers.capture.mirror.progress import ImportProgress
from workers.capture.mirror.queries import Pages, QueryFailed, completed
from workers.capture.pace import Backoff
from workers.core.capture.snapshot_rows import snapshot_changes
from workers.core.capture.snapshots import (
    REST_QUERY_CHARACTERS,
    begun,
    count_of,
    digest_of,
    page_read,
    parts,
    query_for,
    with_deleted,
)
from workers.ports import Page, Refused, SalesforceOrg, Unavailable

log = structlog.get_logger()


REFUSED_JOBS = 3
"""One after the other, without a page of any: who cannot read his own job needs a person."""


class Importer:
    """Does the readings that the position of one entity of one team owes."""

    def __init__(
        self,
        team: str,
        entity: Entity,
        org: SalesforceOrg,
        context: Context,
        described: Described,
        progress: ImportProgress,
    ) -> None:
        self._team = team
        self._entity = entity
        self._org = org
        self._context = context
        self._committer = context.committer
        self._described = described
        self._progress = progress
        self._pace = context.pace
        self._refused_in_a_row = 0
        self._lost_jobs: set[str] = set()
        self._pages: Pages | None = None

    @property
    def reading(self) -> Snapshot:
        return self._committer.position(self._team, self._entity).snapshot

    async def run(self) -> None:
        """Until nothing is owed, from wherever a predecessor came to. Raises Refused."""
        try:
            await self._run()
        finally:
            if self._pages is not None:
                await self._pages.close()

    async def _run(self) -> None:
        backoff = Backoff.of(self._pace)
        failed = Backoff(self._pace.backoff_base_seconds, self._pace.failed_query_cap_seconds)
        while (snapshot := self.reading).state != "done":
            self._progress.reached(self._entity, snapshot)
            try:
                await self._step(snapshot)
                backoff.reset()
            except Unavailable as error:
                self._waits(str(error))
                await backoff.pause()
            except QueryFailed as error:
                self._give_up(snapshot, str(error))
                await failed.pause()
            except Refused as error:
                # A job and its results are kept for some days, a locator for less: the reading goes on with another.
                self._refused_in_a_row += 1
                if snapshot.job_id is None or self._refused_in_a_row > REFUSED_JOBS:
                    raise
                self._give_up(snapshot, str(error))
                await failed.pause()
            if self.reading.state == "done":
                log.info(
                    "read", team=self._team, entity=self._entity, rows=self.reading.rows, since_ms=self.reading.since_ms
                )
        self._progress.reached(self._entity, self.reading)

    def _waits(self, reason: str) -> None:
        log.warning("reading waits", team=self._team, entity=self._entity, reason=reason)
        self._progress.stuck(reason)

    def _give_up(self, snapshot: Snapshot, reason: str) -> None:
        self._waits(reason)
        if snapshot.job_id is not None:
            self._lost_jobs.add(snapshot.job_id)

    async def _step(self, snapshot: Snapshot) -> None:
        await within_budget(self._org, self._pace, self._waits)
        if snapshot.state == "pending":
            # Before the query: what becomes due from now on is read after it.
            await self._commit(self._move(snapshot, self._begun(snapshot, None)))
        elif snapshot.job_id is None or snapshot.job_id in self._lost_jobs:
            await self._query(snapshot)
        else:
            pages = await self._pages_of(snapshot.job_id)
            page = await pages.page(snapshot.locator)
            self._refused_in_a_row = 0
            await self._read(snapshot, page)

    async def _pages_of(self, job_id: str) -> Pages:
        if self._pages is None or self._pages.job_id != job_id:
            state = await completed(self._org, job_id, self._pace)
            self._progress.expects(self._entity, state.processed)
            self._pages = Pages(self._org, job_id)
        return self._pages

    async def _query(self, snapshot: Snapshot) -> None:
        names = (await self._described.types(self._entity)).keys()
        soql, deleted = query_for(self._entity, names, snapshot), with_deleted(snapshot)
        if len(soql) <= REST_QUERY_CHARACTERS and await self._is_small(snapshot):
            await self._read(snapshot, Page(await self._org.query(soql, deleted=deleted), None))
            return
        job_id = await self._org.query_create(soql, deleted=deleted)
        metrics.SNAPSHOTS.labels(self._entity).inc()
        whole = snapshot.since_ms is None and snapshot.after_id is None
        reached = self._begun(snapshot, job_id)
        await self._commit(self._move(snapshot, reached, names if whole else ()))

    async def _is_small(self, snapshot: Snapshot) -> bool:
        rows = await self._org.count(count_of(self._entity, snapshot), deleted=with_deleted(snapshot))
        return rows < self._pace.rest_records

    async def _read(self, snapshot: Snapshot, page: Page) -> None:
        """Commit a page in parts; only the last part moves the position, so that a crash repeats the page."""
        types = await self._described.types(self._entity)
        by_rest = snapshot.job_id is None
        names = types if by_rest and snapshot.since_ms is None and snapshot.after_id is None else ()
        reached = page_read(snapshot, [str(row.get("Id")) for row in page.rows], page.locator)
        committed = 0
        for part in parts(page.rows, PART_ROWS):
            committed += len(part)
            last = committed == len(page.rows)
            moves = (self._move(snapshot, reached, names),) if last else ()
            await self._committer.commit(self._submission(part, types, moves, snapshot.floor))
            self._progress.reached(self._entity, snapshot, committed)

    def _submission(
        self,
        rows: Sequence[Mapping[str, Any]],
        types: Mapping[str, str],
        moves: tuple[Move, ...],
        floor: Version | None,
    ) -> Submission:
        now_ms, topic = self._context.clock.now_ms(), CHANGES[self._entity].name
        used = self._described.used(self._entity)
        changes, parked = snapshot_changes(self._team, self._entity, rows, types, now_ms, topic, floor=floor, used=used)
        return Submission(self._team, tuple(changes), moves, tuple(parked))

    def _begun(self, snapshot: Snapshot, job_id: str | None) -> Snapshot:
        last_event = self._committer.position(self._team, self._entity).version
        return begun(snapshot, self._context.clock.now_ms(), job_id, last_event)

    def _move(self, before: Snapshot, snapshot: Snapshot, names: Collection[str] = ()) -> Move:
        """`names`: the fields that a whole reading asks for."""
        digest = digest_of(names) if names else None
        return Move(self._entity, snapshot=snapshot, snapshot_before=before, fields_digest=digest)

    async def _commit(self, move: Move) -> None:
        await self._committer.commit(Submission(self._team, moves=(move,)))
