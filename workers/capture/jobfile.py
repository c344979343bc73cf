"""The document of a job that is being done: loaded, written by compare-and-swap, told to whoever looks."""

from __future__ import annotations

from typing import Any

from schemas.documents import Job, ReadRequest
from workers.ports import Clock, Documents

SWAP_ATTEMPTS = 5
"""Only a person who confirms or asks for the same job again writes at the same time."""


class JobFile:
    def __init__(self, jobs: Documents[Job], job: Job, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock
        self.job = job

    @property
    def request(self) -> ReadRequest:
        assert self.job.request is not None, "the board names no others"
        return self.job.request

    async def reload(self) -> bool:
        """Whether there is still something to do."""
        key = (self.job.team, self.job.job_id)
        stored = (await self._jobs.load([key])).get(key)
        if stored is None:
            return False
        self.job = stored
        return stored.state in ("pending", "running")

    async def write(self, **update: Any) -> None:
        """Raises Unavailable. Given up when the job is no longer open: somebody has ended it or asked anew."""
        for _ in range(SWAP_ATTEMPTS):
            written = self.job.model_copy(update={**update, "updated_at_ms": self._clock.now_ms()})
            if not await self._jobs.swap([written]):
                self.job = written.model_copy(update={"rev": written.rev + 1})
                return
            if not await self.reload():
                return


async def post(jobs: Documents[Job], job: Job) -> None:
    """Ask for a job, in place of an earlier one of its id. Raises Unavailable."""
    for _ in range(SWAP_ATTEMPTS):
        stored = (await jobs.load([(job.team, job.job_id)])).get((job.team, job.job_id))
        if not await jobs.swap([job.model_copy(update={"rev": stored.rev if stored else 0})]):
            return
