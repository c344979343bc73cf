"""One part as an ingest job of Bulk API 2.0, carried from wherever it was left; `core.writeback.machine` decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import cast

from schemas.documents import WritebackPart, WritebackRow
from workers.core.writeback import (
    Do,
    Results,
    Seen,
    Target,
    batches_of,
    cells,
    expected_pause,
    has_values,
    is_waiting,
    job_may_fare_better,
    judged,
    next_step,
    results_of,
    settle,
)
from workers.core.writeback.settling import ACCEPTED
from workers.insights.sending.run_state import PAGES_AT_ONCE, RunState
from workers.ports import Exhausted, IngestRow, IngestState, Refused, Unavailable
from workers.runtime.in_flight import InFlight
from workers.runtime.retry import patiently

SHORTEST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.2, 20.0
"""Small jobs take a second, the largest hours."""

FAILURES = 5
"""Of one part: jobs that were given up, replies that did not come. Then the run is left for a later look."""

FAILURE_PAUSE_SECONDS = 1.0

CLOCK_SKEW_MS = 600_000
"""Between our clock and the org's, at most."""

READINGS = 3
"""Of result files that do not tell of all rows that the job has counted."""


class JobOfPart:
    def __init__(self, state: RunState, name: str) -> None:
        self._run = state
        self._name = name
        self._seen: Seen | None = None  # what is known without asking
        self._told = IngestState("Open", 0, 0)
        self._failures = 0
        self._pause_seconds = self._waited_seconds = 0.0
        self._steps: dict[Do, Callable[[], Awaitable[None]]] = {
            "sweep": self._sweep,
            "create": self._create,
            "upload": self._upload,
            "complete": self._complete,
            "wait": self._wait,
            "settle": self._settle,
            "give_up": self._give_up,
            "compare": self._compare,
        }

    @property
    def _part(self) -> WritebackPart:
        return self._run.run.parts[self._name]

    @property
    def _job_id(self) -> str:
        return self._run.run.jobs[self._name]

    async def carry(self, *, fresh: bool) -> None:
        """To the end of its job; `settle` remains. `fresh`: it has just been recorded, so that no job can be there."""
        if fresh:
            self._seen = "none"
        while self._part.step not in ("settling", "settled"):
            await self._next()

    async def settle(self) -> None:
        """What became of its rows. The org works on other jobs meanwhile."""
        while self._part.step != "settled":
            await self._next()

    async def _next(self) -> None:
        seen, self._seen = self._seen or await self._look(), None
        await self._steps[next_step(self._part.step, seen, self._told.processed)]()

    async def _record(self, job_id: str | None = None, **changes: object) -> None:
        await self._run.record(self._name, self._part.model_copy(update=changes), job_id)

    async def _look(self) -> Seen:
        if self._name not in self._run.run.jobs:
            return "unknown"
        try:
            self._told = await patiently(lambda: self._run.org.ingest_state(self._job_id))
        except Refused as refusal:
            if "NOT_FOUND" not in str(refusal):
                raise
            self._told = IngestState("gone", 0, 0)
            return "gone"
        return self._told_seen()

    def _told_seen(self) -> Seen:
        return cast("Seen", self._told.state)  # the states of a job are among what may be seen

    async def _sweep(self) -> None:
        """A job whose id never came holds no rows and never will. Jobs that any run has recorded are in good hands."""
        org, entity = self._run.org, self._part.entity
        user_id = (await patiently(org.habits)).user_id
        since_ms = self._part.began_at_ms - CLOCK_SKEW_MS
        left = await patiently(lambda: org.ingest_open(entity, user_id, since_ms))
        recorded = {
            job async for run in self._run.store.writeback_runs.scan(self._run.run.team) for job in run.jobs.values()
        }
        for job_id in sorted(set(left) - recorded):
            await patiently(lambda job_id=job_id: org.ingest_abort(job_id))  # type: ignore[misc]
        self._seen = "none"

    async def _create(self) -> None:
        try:
            job_id = await self._run.org.ingest_create(self._part.entity)
        except Exhausted:
            raise
        except Unavailable as error:
            await self._failed(error)
            return
        await self._record(job_id, step="created")
        self._seen = "Open"

    async def _upload(self) -> None:
        target = await self._run.target(self._part.entity, self._part.fields)
        await self._record(step="uploading")
        try:
            rows = await self._run.org.ingest_upload(self._job_id, target.names, self._rows_to_upload())
        except Unavailable as error:
            await self._failed(error)
            return
        except Refused:
            if (seen := await self._look()) == "Open":
                await patiently(lambda: self._run.org.ingest_abort(self._job_id))
                raise
            self._seen = seen  # somebody has aborted it
            return
        await self._run.revise(lambda run: {"batches": run.batches + batches_of(rows)})
        await self._record(step="completing", rows=rows)
        self._seen = "Open"

    async def _rows_to_upload(self) -> AsyncIterator[Sequence[IngestRow]]:
        target = await self._run.target(self._part.entity, self._part.fields)
        async for page in self._waiting():
            yield [IngestRow(row.record_id, cells(row, target.fields)) for row in page]

    async def _waiting(self) -> AsyncIterator[list[WritebackRow]]:
        """The rows of the part that are not settled."""
        part = self._part
        async for page in self._run.pages(part.after, part.until, ("planned", "retry")):
            yield [row for row in page if is_waiting(row, part.round)]

    async def _failed(self, error: Unavailable) -> None:
        """A reply that did not come: what it would have told is looked up."""
        self._failures += 1
        if self._failures >= FAILURES:
            raise error
        await asyncio.sleep(FAILURE_PAUSE_SECONDS)

    async def _complete(self) -> None:
        try:
            await patiently(lambda: self._run.org.ingest_complete(self._job_id))
        except Refused:
            if (seen := await self._look()) == "Open":
                raise
            self._seen = seen
            return
        await self._record(step="processing")
        await self._wait()

    async def _wait(self) -> None:
        pause = expected_pause(self._part.rows, self._told.processed, self._waited_seconds, self._pause_seconds)
        self._pause_seconds = min(max(pause, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)
        await asyncio.sleep(self._pause_seconds)
        self._waited_seconds += self._pause_seconds

    async def _give_up(self) -> None:
        """For a new one. Raises Unavailable when that has happened too often in a row."""
        if self._told.state in ("Open", "UploadComplete", "InProgress"):
            await patiently(lambda: self._run.org.ingest_abort(self._job_id))
        self._failures += 1
        job_id = self._job_id
        await self._run.forget_job(self._name, self._part.model_copy(update={"step": "creating"}))
        if self._failures >= FAILURES:
            raise Unavailable(f"job {job_id} came to nothing, after others of the same rows")
        self._seen = "none"

    async def _settle(self) -> None:
        if self._part.step != "settling":
            await self._record(step="settling")
            self._seen = self._told_seen()
            return
        state = self._told
        for _ in range(READINGS):
            results = await self._results(state)
            if not _falls_short(results, state, self._part.rows):
                break
        settled = await self._save(results, state)
        problem = problem_of(self._job_id, state, self._part.rows - settled, results.rows - settled)
        if problem is not None:
            await self._run.tell(problem)
        await self._record(step="settled")

    async def _results(self, state: IngestState) -> Results:
        """Files in which nothing can stand are not asked for."""
        org, job_id = self._run.org, self._job_id
        whole = state.state == "JobComplete" and state.processed == self._part.rows
        accepted = await patiently(lambda: org.ingest_accepted(job_id)) if state.processed > state.failed else []
        rejected = await patiently(lambda: org.ingest_rejected(job_id)) if state.failed else []
        unprocessed = [] if whole else await patiently(lambda: org.ingest_unprocessed(job_id))
        return results_of(
            (each.record_id for each in accepted),
            ((each.record_id, each.error) for each in rejected),
            (each.record_id for each in unprocessed),
        )

    async def _save(self, results: Results, state: IngestState) -> int:
        """How many rows of ours the results tell of. Settled ones, by a worker before us, are left as they are."""
        part, found = self._part, 0
        better = state.state == "Failed" and job_may_fare_better(state.error)
        async with InFlight(PAGES_AT_ONCE) as saving:
            async for page in self._run.pages(part.after, part.until):
                settled = settle(page, results, part.round, may_fare_better=better, why=state.error)
                found += len(settled)
                waiting = {row.record_id for row in page if is_waiting(row, part.round)}
                rows = [row for row in settled if row.record_id in waiting]
                await saving.add(self._run.save(rows, part.fields))
        return found

    async def _compare(self) -> None:
        """The job and its results are gone: the records themselves tell."""
        target = await self._run.target(self._part.entity, self._part.fields)
        async for page in self._waiting():
            current = await self._run.current(self._part.entity, page, target)
            found = [self._found(row, current.get(row.record_id, {}), target) for row in page]
            await self._run.save(found, self._part.fields)
        await self._record(step="settled")

    def _found(self, row: WritebackRow, current: Mapping[str, object], target: Target) -> WritebackRow:
        if has_values(current, row, target):
            return judged(row, ACCEPTED, self._part.round)
        return row.model_copy(update={"outcome": "retry", "round": self._part.round})


def _falls_short(results: Results, state: IngestState, sent: int) -> bool:
    """Cut off between two rows a file is well-formed all the same, so the job's own counts are held against it."""
    tried = len(results.errors)
    return tried < min(state.processed, sent)


def problem_of(job_id: str, state: IngestState, missing: int, strange: int) -> str | None:
    """Why a job did not do all that it was given; rows that were rejected, or may fare better, are no problem of it."""
    if state.state != "JobComplete" and not job_may_fare_better(state.error):
        return f"job {job_id} ended as {state.state}{f': {state.error}' if state.error else ''}"
    unaccounted = max(missing, 0) + max(strange, 0)
    return f"job {job_id}: {unaccounted} rows unaccounted for" if unaccounted else None
