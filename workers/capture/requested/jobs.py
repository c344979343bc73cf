"""Does the jobs of one team that somebody asked for, one after the other."""

from __future__ import annotations

import structlog

from schemas.documents import Job
from workers.capture import metrics
from workers.capture.allowance import USED_UP
from workers.capture.jobfile import JobFile
from workers.capture.lists.asker import Asker
from workers.capture.lists.comparison import ListComparison
from workers.capture.mirror.queries import QueryFailed
from workers.capture.mirror.readings import Readings
from workers.capture.pace import Backoff
from workers.capture.requested.backfill import Backfill
from workers.capture.requested.reconciler import Reconciler
from workers.capture.requested.sweeper import Sweeper
from workers.core.capture.refused_jobs import after_refusal, waits
from workers.ports import Refused, Unavailable

log = structlog.get_logger()


class Jobs:
    def __init__(self, readings: Readings, asker: Asker) -> None:
        self._readings = readings
        self._asker = asker
        self._context = readings.context

    async def run(self) -> None:
        """For ever."""
        while True:
            for job in await self._context.board.next(self._readings.team):
                await self._do(job)

    async def _do(self, job: Job) -> None:
        """A job that was interrupted goes on; what is refused is put off, and in the end marked as failed."""
        if waits(job, self._context.clock.now_ms()):
            return
        file = JobFile(self._context.store.jobs, job, self._context.clock)
        backoff = Backoff(self._context.pace.backoff_base_seconds, self._context.pace.failed_query_cap_seconds)
        while True:
            try:
                if await file.reload() and not waits(file.job, self._context.clock.now_ms()):
                    await self._attempt(file)
            except Unavailable as error:
                metrics.JOBS_WAITING.labels(job.kind).inc()
                log.warning("job waits", team=job.team, job=job.job_id, reason=str(error))
                await backoff.pause()
            else:
                return

    async def _attempt(self, file: JobFile) -> None:
        if self._readings.org.background_calls_left() == 0:
            raise Unavailable(USED_UP)
        if file.job.not_before_ms is not None:
            await file.write(detail=None, not_before_ms=None)
        try:
            await self._work(file)
        except (Refused, QueryFailed) as error:
            await self._refused(file, str(error))
        else:
            log.info("job ended", team=file.job.team, job=file.job.job_id, state=file.job.state, report=file.job.report)

    async def _refused(self, file: JobFile, reason: str) -> None:
        metrics.JOBS_WAITING.labels(file.job.kind).inc()
        log.warning("job refused", team=file.job.team, job=file.job.job_id, reason=reason, times=file.job.refusals + 1)
        await file.write(**after_refusal(file.job, reason, self._context.clock.now_ms(), self._context.pace.scale))

    async def _work(self, file: JobFile) -> None:
        match file.job.kind:
            case "backfill":
                await Backfill(self._readings, file).run()
            case "sweep":
                await Sweeper(self._readings, file).run()
            case "reconcile":
                await Reconciler(self._readings, file).run()
            case "list":
                await ListComparison(self._readings, self._asker, file).run()
            case kind:
                await file.write(state="failed", detail=f"capture knows no jobs of kind {kind}")
