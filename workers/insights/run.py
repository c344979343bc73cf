"""One write-back run of one team: plan, jobs, results. Every step is recorded before the next is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import chain, repeat

from schemas.documents import Insight, WritebackRow, WritebackRun
from schemas.events import Entity
from workers.core.writeback import Settled, cells, jobs_of, settle
from workers.insights.plan import changed_rows
from workers.ports import Clock, D, Documents, IngestRow, IngestState, SalesforceOrg, Store, Unavailable
from workers.runtime.retry import patiently

POLL_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
"""First waits between two looks at a job, then five seconds: small jobs take one, the largest hours."""

UNSETTLED = frozenset({"UploadComplete", "InProgress"})
SAVE_ROWS = 1000


class Runner:
    def __init__(self, store: Store, org: SalesforceOrg, clock: Clock) -> None:
        self._store = store
        self._org = org
        self._clock = clock

    async def run(self, run: WritebackRun) -> WritebackRun:
        """Carry a claimed run to its end, from wherever a predecessor left it; raises Unavailable or Refused."""
        if not run.jobs:
            await self._plan(run)
        rows = await self._planned(run)
        for job, sent in jobs_of(rows).items():
            if any(row.outcome == "planned" for row in sent):
                run = await self._job(run, job, sent)
        return await self._finish(run)

    async def _plan(self, run: WritebackRun) -> None:
        """A row that exists already was planned by a predecessor and stays as it is."""
        async for page in changed_rows(self._store, run.team, run.run_id):
            if page:
                await self._store.writeback_rows.swap(page)

    async def _planned(self, run: WritebackRun) -> list[WritebackRow]:
        rows: list[WritebackRow] = []
        async for row in self._store.writeback_rows.scan(run.team, after=f"{run.run_id}:"):
            if row.run_id != run.run_id:
                break
            rows.append(row)
        return rows

    async def _job(self, run: WritebackRun, job: str, sent: Sequence[WritebackRow]) -> WritebackRun:
        job_id = run.jobs.get(job)
        state = await self._state(job_id) if job_id else None
        if job_id is None or state is None or state.state in ("Open", "Aborted"):
            run, job_id = await self._send(
                run, job, sent, abandoned=job_id if state and state.state == "Open" else None
            )
        settled, state = await self._results(job_id, sent)
        await self._save(settled)
        problem = state.error or (
            f"job {job_id}: {settled.unaccounted} rows unaccounted for" if settled.unaccounted else None
        )
        return await self._update(run, {"detail": problem}) if problem else run

    async def _send(
        self, run: WritebackRun, job: str, sent: Sequence[WritebackRow], abandoned: str | None
    ) -> tuple[WritebackRun, str]:
        """A job found open may or may not hold its rows, and takes no second upload: it is given up for a new one."""
        if abandoned:
            await self._org.ingest_abort(abandoned)
        job_id = await self._org.ingest_create(entity_of(sent))
        run = await self._update(run, {"jobs": run.jobs | {job: job_id}})
        await self._org.ingest_upload(job_id, [IngestRow(row.record_id, cells(row)) for row in sent])
        await patiently(lambda: self._org.ingest_complete(job_id))
        return run, job_id

    async def _results(self, job_id: str, sent: Sequence[WritebackRow]) -> tuple[Settled, IngestState]:
        for pause_seconds in chain(POLL_SECONDS, repeat(5.0)):
            state = await self._state(job_id)
            if state.state not in UNSETTLED:
                break
            await asyncio.sleep(pause_seconds)
        accepted = await patiently(lambda: self._org.ingest_accepted(job_id))
        rejected = await patiently(lambda: self._org.ingest_rejected(job_id))
        unprocessed = await patiently(lambda: self._org.ingest_unprocessed(job_id))
        settled = settle(
            sent,
            (each.record_id for each in accepted),
            {each.record_id: each.error or "" for each in rejected},
            (each.record_id for each in unprocessed),
        )
        return settled, state

    async def _state(self, job_id: str) -> IngestState:
        return await patiently(lambda: self._org.ingest_state(job_id))

    async def _save(self, settled: Settled) -> None:
        """The insights first: a row marked accepted is not looked at again."""
        for start in range(0, len(settled.rows), SAVE_ROWS):
            page = settled.rows[start : start + SAVE_ROWS]
            accepted = [row for row in page if row.outcome == "accepted"]
            known = await self._store.insights.load([(row.team, row.record_id) for row in accepted])
            insights = [insight_of(row, known.get((row.team, row.record_id))) for row in accepted]
            await all_written(self._store.insights, insights)
            await all_written(self._store.writeback_rows, page)

    async def _finish(self, run: WritebackRun) -> WritebackRun:
        rows = await self._planned(run)
        counts = {outcome: sum(row.outcome == outcome for row in rows) for outcome in ("accepted", "rejected")}
        settled = counts["accepted"] + counts["rejected"]
        return await self._update(
            run,
            {
                "state": "failed" if run.detail else "done",
                "finished_at_ms": self._clock.now_ms(),
                "planned": len(rows),
                "accepted": counts["accepted"],
                "rejected": counts["rejected"],
                "unprocessed": len(rows) - settled,
            },
        )

    async def _update(self, run: WritebackRun, changes: dict[str, object]) -> WritebackRun:
        revised = run.model_copy(update=changes)
        await all_written(self._store.writeback_runs, [revised])
        return revised.model_copy(update={"rev": revised.rev + 1})


async def all_written(documents: Documents[D], changed: Sequence[D]) -> None:
    """Only the claimant writes these: a lost swap means that another worker carries the run on."""
    if changed and (losers := await documents.swap(changed)):
        raise Unavailable(
            f"another worker has taken over the write-back run: {len(losers)} documents changed meanwhile"
        )


def insight_of(row: WritebackRow, known: Insight | None) -> Insight:
    return Insight(
        team=row.team,
        record_id=row.record_id,
        entity=row.entity,
        rev=known.rev if known else 0,
        score=row.score,
        last_engagement_date=row.last_engagement_date,
    )


def entity_of(rows: Sequence[WritebackRow]) -> Entity:
    return rows[0].entity
