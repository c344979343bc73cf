"""What ingest and query jobs have in common: their states, their JSON, and the table of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeVar

from aiohttp import web

from sandbox.org.bulk_csv import DELIMITERS, LINE_ENDINGS, Dialect
from sandbox.org.ids import MalformedIdError, to_18
from sandbox.org.store import Org
from sandbox.org.timestamps import rest_datetime
from sandbox.org.wire import api_version, json_object, json_response, not_found, routing_error

State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]
JobType = Literal["V2Ingest", "V2Query"]
FINISHED: frozenset[State] = frozenset({"JobComplete", "Failed", "Aborted"})
# Bulk API 2.0 guide, "Get Information About All Jobs".
JOBS_PER_PAGE = 1_000
# The locator of a list of jobs is `01g...-2000`: an id and where to go on.
_LIST_PREFIX = "01g"
# How refusals name the state that a job is in; "Completed" and "closed" were recorded, the others follow them.
_ALREADY: dict[State, str] = {"JobComplete": "Completed", "UploadComplete": "closed", "InProgress": "closed"}


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

    def find(self, request: web.Request, kind: type[JobT]) -> JobT | None:
        self._forget_old()
        try:
            job = self._jobs.get(to_18(request.match_info["id"]))
        except MalformedIdError:
            return None
        return job if isinstance(job, kind) else None

    def listing(self, request: web.Request, kind: type[Job]) -> web.Response:
        """All jobs of a type, up to 1,000 a page."""
        self._forget_old()
        start = self._start_of_page(request.query.get("queryLocator"))
        if start is None:
            return routing_error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        jobs = self._wanted(request, kind)
        end = start + JOBS_PER_PAGE
        more = f"{request.path}?queryLocator={self._list_id}-{end}" if end < len(jobs) else None
        records = [job.listed() for job in jobs[start:end]]
        return json_response({"done": more is None, "records": records, "nextRecordsUrl": more})

    def delete(self, request: web.Request, kind: type[Job]) -> web.Response:
        """204; a job that is still open or running cannot be deleted."""
        job = self.find(request, kind)
        if job is None:
            return not_found()
        if job.state in {"Open", "InProgress"}:
            return invalid_state(f"Deleting a job in state {job.state} is not allowed")
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

    def _start_of_page(self, locator: str | None) -> int | None:
        if not locator:
            return 0
        list_id, _, start = locator.partition("-")
        known = list_id == self._list_id and start.isascii() and start.isdigit() and len(start) < 10
        return int(start) if known else None

    def _remove(self, job: Job) -> None:
        job.dispose()
        del self._jobs[job.job_id]

    def _forget_old(self) -> None:
        """Finished jobs and their results are kept for seven days."""
        oldest = self.org.clock() - self.org.config.bulk_job_lifetime_seconds
        for job in [one for one in self._jobs.values() if one.state in FINISHED and one.changed_at < oldest]:
            self._remove(job)


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def since(version: float, handler: _Handler) -> _Handler:
    """The handler for callers of this API version or a later one; the resource does not exist for older ones."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return not_found() if float(api_version(request)) < version else await handler(request)

    return handle


def invalid_state(message: str) -> web.Response:
    return routing_error(400, "INVALIDJOBSTATE", message)


def abort(job: Job) -> web.Response:
    """End a job that is not at its end; what it has written stays."""
    if job.state in FINISHED:
        return invalid_state(f"Aborting already {already(job)} Job not allowed")
    job.enter("Aborted")
    job.stop()
    return json_response(job.short())


def already(job: Job) -> str:
    return _ALREADY.get(job.state, job.state)


class InvalidValueError(Exception):
    """A property of the request's JSON has a value that it cannot have; carries the answer."""

    def __init__(self, name: str, value: object) -> None:
        super().__init__(name)
        text = "" if value is None else value
        self.response = routing_error(400, "API_ERROR", f"Invalid value: '{text}' supplied for property: '{name}'")


def refusing(handler: _Handler) -> _Handler:
    """Answer for a handler that met an invalid value."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except InvalidValueError as error:
            return error.response

    return handle


def one_of(body: dict[str, object], name: str, values: Iterable[str], default: str | None = None) -> str:
    """A property that must be one of some words. Raises InvalidValueError."""
    value = body.get(name)
    if default is not None and value in {None, ""}:
        return default
    if not isinstance(value, str) or value not in values:
        raise InvalidValueError(name, value)
    return value


async def requested_state(request: web.Request, allowed: Iterable[str]) -> str:
    """The `state` that a PATCH asks for. Raises InvalidValueError and MalformedBodyError."""
    return one_of(await json_object(request), "state", allowed)


def dialect_of(body: dict[str, object]) -> Dialect:
    """Delimiter and line ending of a new job. Raises InvalidValueError."""
    one_of(body, "contentType", ("CSV",), "CSV")
    delimiter = one_of(body, "columnDelimiter", DELIMITERS, "COMMA")
    return Dialect(delimiter, one_of(body, "lineEnding", LINE_ENDINGS, "LF"))


def same_version(request: web.Request, job: Job) -> bool:
    return api_version(request) == job.api_version
