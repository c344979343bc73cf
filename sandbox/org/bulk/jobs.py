"""What ingest and query jobs have in common: their states, their JSON, and the table of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeVar

from aiohttp import web

from sandbox.org.bulk.csv_text import Dialect
from sandbox.org.bulk.refusals import RefusedError, invalid_locator, invalid_state
from sandbox.org.http.wire import json_response, not_found
from sandbox.org.store.org import Org
from sandbox.org.values.ids import MalformedIdError, to_18
from sandbox.org.values.timestamps import rest_datetime

State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]
JobType = Literal["V2Ingest", "V2Query"]
FINISHED: frozenset[State] = frozenset({"JobComplete", "Failed", "Aborted"})
# Bulk API 2.0 guide, "Get Information About All Jobs".
JOBS_PER_PAGE = 1_000
# The locator of a list of jobs is `01g...-2000`: an id and where to go on.
_LIST_PREFIX = "01g"


@dataclass(slots=True)
class Job:
    """One job; `clock` gives epoch seconds."""

    job_type: ClassVar[JobType]

    job_id: str
    operation: str
    object_name: str
    user_id: str
    api_version: str
    dialect: Dialect
    clock: Callable[[], float]
    state: State
    created_at: float = field(init=False)
    changed_at: float = field(init=False)
    processed: int = 0
    error_message: str = ""
    task: asyncio.Task[None] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.created_at = self.changed_at = self.clock()

    def enter(self, state: State) -> None:
        self.state = state
        self.changed_at = self.clock()

    def fail(self, message: str) -> None:
        self.error_message = message
        self.enter("Failed")

    def stop(self) -> None:
        """End the work on the job where it waits, which is never inside a transaction."""
        if self.task is not None:
            self.task.cancel()

    def dispose(self) -> None:
        """Give back what the job holds."""
        self.stop()

    @property
    def processing_ms(self) -> int:
        return int((self.changed_at - self.created_at) * 1000)

    def head(self) -> dict[str, object]:
        """The keys that every reply starts with."""
        return {
            "id": self.job_id,
            "operation": self.operation,
            "object": self.object_name,
            "createdById": self.user_id,
            "createdDate": rest_datetime(self.created_at),
            "systemModstamp": rest_datetime(self.changed_at),
            "state": self.state,
        }

    def short(self) -> dict[str, object]:
        """The reply to a state change."""
        return self.head() | {
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.api_version),
        }

    def format(self) -> dict[str, object]:
        return {"lineEnding": self.dialect.line_ending, "columnDelimiter": self.dialect.column_delimiter}

    def listed(self) -> dict[str, object]:
        """The job among all jobs."""
        return self.short() | {"jobType": self.job_type} | self.format()

    def told_error(self) -> dict[str, object]:
        return {"errorMessage": self.error_message} if self.error_message else {}

    def full(self) -> dict[str, object]:
        """The reply to a question for this job."""
        raise NotImplementedError


JobT = TypeVar("JobT", bound=Job)


@dataclass(slots=True)
class JobTable:
    """The jobs of an org, by 18-character id, and the work on them."""

    org: Org
    _jobs: dict[str, Job] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _list_id: str = field(init=False)

    def __post_init__(self) -> None:
        self._list_id = to_18(f"{_LIST_PREFIX}{self.org.ids.pod}00000000000"[:15])

    def new_id(self) -> str:
        return self.org.ids.take("750")

    def add(self, job: Job) -> None:
        self._forget_old()
        self._jobs[job.job_id] = job

    def start(self, job: Job, work: Coroutine[None, None, None]) -> None:
        """Do the work of a job in the background."""
        job.task = asyncio.create_task(work)
        self._tasks.add(job.task)
        job.task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all work and give back what the jobs hold."""
        tasks = list(self._tasks)
        for job in self._jobs.values():
            job.dispose()
        await asyncio.gather(*tasks, return_exceptions=True)

    def find(self, request: web.Request, kind: type[JobT]) -> JobT:
        """The job in the path. Raises RefusedError when there is none of that kind."""
        try:
            job = self._jobs.get(to_18(request.match_info["id"]))
        except MalformedIdError:
            job = None
        if not isinstance(job, kind) or self._is_old(job):
            raise RefusedError(not_found())
        return job

    def listing(self, request: web.Request, kind: type[Job]) -> web.Response:
        """All jobs of a type, up to 1,000 a page."""
        self._forget_old()
        start = self._start_of_page(request.query.get("queryLocator"))
        jobs = self._wanted(request, kind)
        end = start + JOBS_PER_PAGE
        more = f"{request.path}?queryLocator={self._list_id}-{end}" if end < len(jobs) else None
        records = [job.listed() for job in jobs[start:end]]
        return json_response({"done": more is None, "records": records, "nextRecordsUrl": more})

    def delete(self, request: web.Request, kind: type[Job]) -> web.Response:
        """204; a job that is still open or running cannot be deleted."""
        job = self.find(request, kind)
        if job.state in {"Open", "InProgress"}:
            raise invalid_state(f"Deleting a job in state {job.state} is not allowed")
        self._remove(job)
        return web.Response(status=204)

    def _wanted(self, request: web.Request, kind: type[Job]) -> list[Job]:
        """PK chunking and serial mode belong to the first Bulk API, of which there are no jobs here."""
        filters = request.query
        if filters.get("isPkChunkingEnabled", "").lower() == "true":
            return []
        if filters.get("concurrencyMode", "").lower() not in {"", "parallel"}:
            return []
        job_type = filters.get("jobType") or kind.job_type
        return [job for job in self._jobs.values() if job.job_type.lower() == job_type.lower()]

    def _start_of_page(self, locator: str | None) -> int:
        """Raises RefusedError for a locator that was never given out."""
        if not locator:
            return 0
        list_id, _, start = locator.partition("-")
        if list_id != self._list_id or not (start.isascii() and start.isdigit()) or len(start) > 9:
            raise invalid_locator()
        return int(start)

    def _remove(self, job: Job) -> None:
        job.dispose()
        del self._jobs[job.job_id]

    def _forget_old(self) -> None:
        for job in [one for one in self._jobs.values() if self._is_old(one)]:
            self._remove(job)

    def _is_old(self, job: Job) -> bool:
        """Finished jobs and their results are kept for seven days."""
        oldest = self.org.clock() - self.org.config.bulk_job_lifetime_seconds
        return job.state in FINISHED and job.changed_at < oldest


# How refusals name the state that a job is in; "Completed" and "closed" were recorded, the others follow them.
_ALREADY: dict[State, str] = {"JobComplete": "Completed", "UploadComplete": "closed", "InProgress": "closed"}


def not_allowed(action: str, job: Job) -> RefusedError:
    """`Closing already aborted Job not allowed`."""
    return invalid_state(f"{action} already {_ALREADY.get(job.state, job.state)} Job not allowed")


def abort(job: Job) -> web.Response:
    """End a job that is not at its end; what it has written stays. Raises RefusedError."""
    if job.state in FINISHED:
        raise not_allowed("Aborting", job)
    job.enter("Aborted")
    job.stop()
    return json_response(job.short())
