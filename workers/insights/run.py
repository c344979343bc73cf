"""One write-back run of one team: plan, jobs, results. Every step is recorded before the next is taken."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import chain, repeat

from schemas.documents import Insight, InsightFields, WritebackRow, WritebackRun
from schemas.events import Entity
from workers.core.writeback import Settled, cells, fields_of, is_on, jobs_of, settle, undone
from workers.insights.claim import Claim, TakenOver
from workers.insights.plan import Plan
from workers.ports import Clock, IngestRow, IngestState, Refused, SalesforceOrg, Store, Unavailable
from workers.runtime.retry import patiently
from workers.runtime.writeback_settings import problems_of, settings_of

POLL_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
"""First waits between two looks at a job, then five seconds: small jobs take one, the largest hours."""

JOB_CALLS = 30
"""API calls that a job takes at most: create, upload, complete, three results, and polls with growing pauses."""

UNDO_ROWS = 200
"""Records that one query reads."""

UNSETTLED = frozenset({"UploadComplete", "InProgress"})
SAVE_ROWS = 1000

SAVE_ROUNDS = 10
"""Lost compare-and-swaps in a row on one insight: only a run by hand beside the daily one can cause one."""


class Runner:
    def __init__(self, team: str, store: Store, org: SalesforceOrg, clock: Clock) -> None:
        self._team = team
        self._store = store
        self._org = org
        self._clock = clock

    async def run(self, claim: Claim) -> WritebackRun:
        """Carry a claimed run to its end, from wherever a predecessor left it; raises Unavailable or Refused."""
        if not claim.run.jobs:
            await (self._plan(claim.run) if claim.run.undoes is None else self._plan_undo(claim.run, claim.run.undoes))
        rows = await rows_of(self._store, claim.run.team, claim.run.run_id)
        for job, sent in jobs_of(row for row in rows if row.outcome != "kept").items():
            if any(row.outcome == "planned" for row in sent):
                await self._job_if_on(claim, job, sent)
        return await finish(self._store, claim, self._clock.now_ms())

    async def _plan(self, run: WritebackRun) -> None:
        """A row that exists already was planned by a predecessor and stays as it is."""
        settings = await settings_of(self._store, run.team)
        async for page in Plan(self._store, run, settings).rows():
            if page:
                await self._store.writeback_rows.swap(page)

    async def _plan_undo(self, run: WritebackRun, of: str) -> None:
        """The rows of a run in reverse, where the org still has what it wrote."""
        settings = await settings_of(self._store, run.team)
        written = [row for row in await rows_of(self._store, run.team, of) if row.outcome == "accepted"]
        for rows in jobs_of(written).values():
            entity = entity_of(rows)
            fields = fields_of(settings, entity)
            for start in range(0, len(rows), UNDO_ROWS):
                page = rows[start : start + UNDO_ROWS]
                names = ["Id", fields.score, fields.date]
                found = await self._org.records(entity, [row.record_id for row in page], names)
                current = {row["Id"]: row for row in found}
                back = [undone(row, run.run_id, current.get(row.record_id), fields) for row in page]
                await self._store.writeback_rows.swap(back)

    async def _job_if_on(self, claim: Claim, job: str, sent: Sequence[WritebackRow]) -> None:
        """A switch counts at once: it is looked at before every job that has not begun."""
        settings, entity = await settings_of(self._store, claim.run.team), entity_of(sent)
        if job in claim.run.jobs:
            await self._job(claim, job, sent, fields_of(settings, entity))
        elif not (is_on(settings, entity) or claim.run.undoes):
            await self._leave(claim, sent, "disabled")
        elif (left := self._org.background_calls_left()) is not None and left < JOB_CALLS:
            await self._leave(claim, sent, "postponed")
        else:
            await self._job(claim, job, sent, fields_of(settings, entity))

    async def _leave(self, claim: Claim, sent: Sequence[WritebackRow], outcome: str) -> None:
        rows = [row.model_copy(update={"outcome": outcome}) for row in sent if row.outcome == "planned"]
        await self._save(claim, Settled(rows, 0), InsightFields())

    async def _check(self, entity: Entity, fields: InsightFields) -> None:
        """Before anything is sent. Raises Refused with what an administrator must do."""
        if problems := await problems_of(self._org, entity, fields):
            raise Refused(
                f"{'; '.join(problems)}. `segment-sync writeback create-fields {self._team}` creates missing fields; "
                "otherwise an administrator creates them, or gives the connected user Edit access"
            )

    async def _job(self, claim: Claim, job: str, sent: Sequence[WritebackRow], fields: InsightFields) -> None:
        job_id = claim.run.jobs.get(job)
        state = await self._state(job_id) if job_id else None
        if job_id and state and state.state == "Open":
            # It may or may not hold its rows, and takes no second upload: it is given up for a new one.
            await self._org.ingest_abort(job_id)
        if job_id is None or state is None or state.state in ("Open", "Aborted"):
            await self._check(entity_of(sent), fields)
            job_id = await self._send(claim, job, sent, fields)
        settled, state = await self._results(job_id, sent)
        if (problem := problem_of(job_id, state, settled)) is not None:
            await claim.update(detail=problem)  # before the rows: settled ones are not looked at again
        await self._save(claim, settled, fields)

    async def _send(self, claim: Claim, job: str, sent: Sequence[WritebackRow], fields: InsightFields) -> str:
        job_id = await self._org.ingest_create(entity_of(sent))
        await claim.update(jobs=claim.run.jobs | {job: job_id})
        await self._org.ingest_upload(job_id, [IngestRow(row.record_id, cells(row, fields)) for row in sent])
        await patiently(lambda: self._org.ingest_complete(job_id))
        return job_id

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

    async def _save(self, claim: Claim, settled: Settled, fields: InsightFields) -> None:
        """The insights first: a row marked accepted is not looked at again."""
        for start in range(0, len(settled.rows), SAVE_ROWS):
            page = settled.rows[start : start + SAVE_ROWS]
            if claim.run.undoes is None:  # what was undone stays so until the score changes
                await self._remember([row for row in page if row.outcome == "accepted"], fields)
            if losers := await self._store.writeback_rows.swap(page):
                raise TakenOver(f"another worker has settled {len(losers)} rows of the write-back run meanwhile")

    async def _remember(self, accepted: Sequence[WritebackRow], fields: InsightFields) -> None:
        for _ in range(SAVE_ROUNDS):
            if not accepted:
                return
            known = await self._store.insights.load([(row.team, row.record_id) for row in accepted])
            insights = [insight_of(row, known.get((row.team, row.record_id)), fields) for row in accepted]
            lost = {insight.record_id for insight in await self._store.insights.swap(insights)}
            accepted = [row for row in accepted if row.record_id in lost]
        raise Unavailable(f"{len(accepted)} insights lost {SAVE_ROUNDS} compare-and-swaps in a row")


async def rows_of(store: Store, team: str, run_id: str) -> list[WritebackRow]:
    rows: list[WritebackRow] = []
    async for row in store.writeback_rows.scan(team, after=f"{run_id}:"):
        if row.run_id != run_id:
            break
        rows.append(row)
    return rows


async def finish(store: Store, claim: Claim, now_ms: int, problem: str | None = None) -> WritebackRun:
    """Count what became of every planned row; with a problem, now or in one of its jobs, the run has failed."""
    outcomes = Counter(row.outcome for row in await rows_of(store, claim.run.team, claim.run.run_id))
    detail = problem or claim.run.detail
    return await claim.update(
        state="failed" if detail else "done",
        detail=detail,
        finished_at_ms=now_ms,
        planned=outcomes.total(),
        accepted=outcomes["accepted"],
        rejected=outcomes["rejected"],
        unprocessed=outcomes["unprocessed"] + outcomes["planned"],
        disabled=outcomes["disabled"],
        postponed=outcomes["postponed"],
        kept=outcomes["kept"],
    )


def problem_of(job_id: str, state: IngestState, settled: Settled) -> str | None:
    """Why a job did not do all that it was given; rejected rows are no problem of the job."""
    if state.error or state.state != "JobComplete":
        return f"job {job_id} ended as {state.state}{f': {state.error}' if state.error else ''}"
    return f"job {job_id}: {settled.unaccounted} rows unaccounted for" if settled.unaccounted else None


def insight_of(row: WritebackRow, known: Insight | None, fields: InsightFields) -> Insight:
    assert row.score is not None, "only an undo clears scores, and it remembers none"
    return Insight(
        team=row.team,
        record_id=row.record_id,
        entity=row.entity,
        rev=known.rev if known else 0,
        score=row.score,
        last_engagement_date=row.last_engagement_date,
        score_field=fields.score,
        date_field=fields.date,
    )


def entity_of(rows: Sequence[WritebackRow]) -> Entity:
    return rows[0].entity
