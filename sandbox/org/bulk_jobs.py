"""What ingest and query jobs have in common: their states, their JSON, their table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from aiohttp import web

from sandbox.org.bulk_csv import DELIMITERS, LINE_ENDINGS, Dialect
from sandbox.org.ids import MalformedIdError, to_18
from sandbox.org.parameters import whole_number
from sandbox.org.store import Org
from sandbox.org.timestamps import rest_datetime
from sandbox.org.wire import MalformedBodyError, api_version, json_response, not_found, routing_error

State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]
FINISHED: frozenset[State] = frozenset({"JobComplete", "Failed", "Aborted"})
# Bulk API 2.0 guide, "Get Information About All Jobs".
JOBS_PER_PAGE = 1_000


@dataclass(slots=True)
class Job:
    """One job; `clock` gives epoch seconds."""

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

    def __post_init__(self) -> None:
        self.created_at = self.changed_at = self.clock()

    def enter(self, state: State) -> None:
        self.state = state
        self.changed_at = self.clock()

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


JobT = TypeVar("JobT", bound=Job)


@dataclass(slots=True)
class JobTable(Generic[JobT]):
    """The jobs of one kind, by 18-character id."""

    org: Org
    job_type: str
    _jobs: dict[str, JobT] = field(default_factory=dict)

    def new_id(self) -> str:
        return self.org.ids.take("750")

    def add(self, job: JobT) -> None:
        self._jobs[job.job_id] = job

    def find(self, request: web.Request) -> JobT | None:
        try:
            return self._jobs.get(to_18(request.match_info["id"]))
        except MalformedIdError:
            return None

    def remove(self, job: JobT) -> None:
        del self._jobs[job.job_id]

    def listing(self, request: web.Request) -> web.Response:
        """All jobs, up to 1,000 a page."""
        wanted = request.query.get("jobType", self.job_type)
        jobs = list(self._jobs.values()) if wanted == self.job_type else []
        start = whole_number(request, "queryLocator", 0)
        end = start + JOBS_PER_PAGE
        more = f"{request.path}?queryLocator={end}" if end < len(jobs) else None
        records = [job.short() | {"jobType": self.job_type} | job.format() for job in jobs[start:end]]
        return json_response({"done": more is None, "records": records, "nextRecordsUrl": more})

    def delete(self, request: web.Request) -> web.Response:
        """204; a job that is still open or running cannot be deleted."""
        job = self.find(request)
        if job is None:
            return not_found()
        if job.state in {"Open", "InProgress"}:
            return invalid_state(f"Deleting a job in state {job.state} is not allowed")
        self.remove(job)
        return web.Response(status=204)


def invalid_state(message: str) -> web.Response:
    return routing_error(400, "INVALIDJOBSTATE", message)


def requested_state(body: dict[str, object], allowed: Iterable[str]) -> str:
    """The `state` that a PATCH asks for; MalformedBodyError when it is not one of `allowed`."""
    state = str(body.get("state"))
    if state not in set(allowed):
        raise MalformedBodyError(f"Cannot change the job to state {state}")
    return state


def dialect_of(body: dict[str, object]) -> Dialect:
    """Delimiter and line ending of a new job; MalformedBodyError for unknown names."""
    delimiter, ending = str(body.get("columnDelimiter") or "COMMA"), str(body.get("lineEnding") or "LF")
    content_type = body.get("contentType") or "CSV"
    if delimiter not in DELIMITERS or ending not in LINE_ENDINGS or content_type != "CSV":
        raise MalformedBodyError(
            f"Unsupported content: contentType {content_type}, columnDelimiter {delimiter}, lineEnding {ending}"
        )
    return Dialect(delimiter, ending)


def same_version(request: web.Request, job: Job) -> bool:
    return api_version(request) == job.api_version
