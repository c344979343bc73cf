"""Bulk API 2.0 query jobs."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from sandbox.org.bulk_csv import quoted_line
from sandbox.org.bulk_jobs import FINISHED, Job, JobTable, dialect_of, invalid_state, requested_state, same_version
from sandbox.org.java_text import java_double
from sandbox.org.parameters import whole_number
from sandbox.org.rest import DATA
from sandbox.org.soql.errors import SoqlError
from sandbox.org.soql.execute import PreparedQuery, Selection, prepare
from sandbox.org.soql.schema import Column, Row
from sandbox.org.store import Org
from sandbox.org.timestamps import event_datetime
from sandbox.org.wire import (
    TRUNCATE,
    USER_ID,
    api_error,
    api_version,
    json_object,
    json_response,
    not_found,
    routing_error,
)

# The server chooses the page size when the client does not; the guide's examples have 50,000.
DEFAULT_PAGE_RECORDS = 50_000
# Rows written between two turns of the event loop.
_ROWS_PER_TURN = 1_000


def routes(org: Org) -> list[web.RouteDef]:
    """Handlers of `/jobs/query`."""
    api = BulkQuery(org)
    job = f"{DATA}/jobs/query/{{id}}"
    return [
        web.post(f"{DATA}/jobs/query", api.create),
        web.get(f"{DATA}/jobs/query", api.list_jobs),
        web.get(job, api.read),
        web.patch(job, api.abort),
        web.delete(job, api.delete),
        web.get(f"{job}/results", api.results),
    ]


@dataclass(slots=True)
class QueryJob(Job):
    prepared: PreparedQuery | None = None
    selection: Selection | None = None

    def full(self) -> dict[str, object]:
        counters = {"numberRecordsProcessed": self.processed, "retries": 0, "totalProcessingTime": self.processing_ms}
        kind: dict[str, object] = {"jobType": "V2Query"}
        return self.short() | kind | self.format() | (counters if self.state in FINISHED else {})


class BulkQuery:
    """The handlers, and the jobs that run in the background."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._jobs: JobTable[QueryJob] = JobTable(org, "V2Query")
        self._tasks: set[asyncio.Task[None]] = set()

    async def create(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        operation, text = str(body.get("operation")), body.get("query")
        if operation not in {"query", "queryAll"} or not isinstance(text, str):
            return routing_error(400, "INVALIDOPERATION", "operation must be query or queryAll, with a query")
        dialect = dialect_of(body)
        try:
            prepared = prepare(self._org, text, request[USER_ID])
            _check(prepared)
        except SoqlError as error:
            return api_error(400, error.error_code, error.message)
        job = QueryJob(
            self._jobs.new_id(), operation, prepared.object_type.name, request[USER_ID],
            api_version(request), dialect,
            self._org.clock, "UploadComplete", prepared=prepared,
        )  # fmt: skip
        self._jobs.add(job)
        task = asyncio.create_task(self._process(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return json_response(job.short() | job.format())

    async def _process(self, job: QueryJob) -> None:
        await asyncio.sleep(self._org.config.bulk_processing_delay_seconds)
        if job.state == "Aborted" or job.prepared is None:
            return
        job.enter("InProgress")
        job.selection = job.prepared.run(self._org, deleted=job.operation == "queryAll")
        job.processed = len(job.selection.rows)
        job.enter("JobComplete")

    async def list_jobs(self, request: web.Request) -> web.Response:
        return self._jobs.listing(request)

    async def read(self, request: web.Request) -> web.Response:
        job = self._jobs.find(request)
        return not_found() if job is None else json_response(job.full())

    async def abort(self, request: web.Request) -> web.Response:
        job = self._jobs.find(request)
        if job is None:
            return not_found()
        requested_state(await json_object(request), {"Aborted"})
        if job.state in FINISHED:
            return invalid_state("Aborting already Completed Job not allowed")
        job.enter("Aborted")
        return json_response(job.short())

    async def delete(self, request: web.Request) -> web.Response:
        return self._jobs.delete(request)

    async def results(self, request: web.Request) -> web.StreamResponse:
        job = self._jobs.find(request)
        if job is None:
            return not_found()
        if not same_version(request, job):
            message = f"The job was created with API version {job.api_version}"
            return routing_error(409, "API_VERSION_MISMATCH", message)
        if job.state != "JobComplete" or job.selection is None:
            return invalid_state(f"The results of a job in state {job.state} are not available")
        start = _offset(request.query.get("locator"))
        if start is None or (start and start >= len(job.selection.rows)):
            return routing_error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return await _stream(request, job, job.selection, start)


def _check(prepared: PreparedQuery) -> None:
    """SoqlError for what Bulk queries do not take."""
    if prepared.query.counts_only or prepared.grouping is not None:
        raise SoqlError("FEATURENOTENABLED", "Aggregate queries are not supported by Bulk queries")
    if prepared.children:
        raise SoqlError("FEATURENOTENABLED", "Nested queries are not supported by Bulk queries")
    if any(column.field.type == "address" for column in prepared.columns):
        raise SoqlError("FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query")


def _locator(offset: int) -> str:
    """`MTAwMDA` is 10000 in base64, without padding, as recorded."""
    return base64.b64encode(str(offset).encode()).decode().rstrip("=")


def _offset(locator: str | None) -> int | None:
    """Where a page starts; None for a locator that was never given out."""
    if not locator:
        return 0
    try:
        text = base64.b64decode(locator + "=" * (-len(locator) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return int(text) if text.isdigit() and len(text) < 10 else None


async def _stream(request: web.Request, job: QueryJob, selection: Selection, start: int) -> web.StreamResponse:
    rows = selection.rows[start : start + max(whole_number(request, "maxRecords", DEFAULT_PAGE_RECORDS), 1)]
    end = start + len(rows)
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv",
            "Sforce-Locator": _locator(end) if end < len(selection.rows) else "null",
            "Sforce-NumberOfRecords": str(len(rows)),
        }
    )
    await response.prepare(request)
    cut = request.get(TRUNCATE)
    rows = rows[: len(rows) // 2] if cut else rows
    await response.write(_lines(job, [[column.text for column in selection.columns]]))
    for first in range(0, len(rows), _ROWS_PER_TURN):
        cells = ([_cell(column, row) for column in selection.columns] for row in rows[first : first + _ROWS_PER_TURN])
        await response.write(_lines(job, cells))
        await asyncio.sleep(0)
    if cut == "visibly" and request.transport is not None:
        request.transport.close()
        return response
    await response.write_eof()
    return response


def _lines(job: QueryJob, rows: Iterable[list[str]]) -> bytes:
    dialect = job.dialect
    return "".join(quoted_line(cells, dialect.delimiter, dialect.newline) for cells in rows).encode()


def _cell(column: Column, row: Row) -> str:
    """Empty for null; doubles as Java writes them, date-times with Z."""
    value = column.read(row)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return java_double(value)
    return event_datetime(str(value)) if column.field.type == "datetime" else str(value)
