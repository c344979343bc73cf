"""Bulk API 2.0 ingest jobs: create, upload, start, poll, three result files."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import orjson
from aiohttp import web

from sandbox.org.bulk_csv import UploadError, quoted_line, read_upload
from sandbox.org.bulk_jobs import FINISHED, Job, JobTable, dialect_of, invalid_state, requested_state
from sandbox.org.bulk_rows import IngestRow, Layout, Writer, failed_line_cells, split_rows, successful_line_cells
from sandbox.org.objects import FieldType, ObjectType
from sandbox.org.rest import DATA
from sandbox.org.store import Org
from sandbox.org.wire import (
    USER_ID,
    MalformedBodyError,
    api_version,
    client_name,
    json_object,
    json_response,
    not_found,
    routing_error,
)
from sandbox.org.writes import Actor, RowResult, Write

# Bulk API 2.0 guide, "Limits": batches per rolling 24 hours; rows beyond them are in no result file.
DAILY_BATCHES = 15_000
_OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
_HARD_DELETE = "hardDelete operation requires special user profile permission, please contact your system administrator"
_RESULT_FILES = {"successfulresults": "successful", "failedresults": "failed", "unprocessedrecords": "unprocessed"}
_FIRST_COLUMNS = {"successful": ("sf__Id", "sf__Created"), "failed": ("sf__Id", "sf__Error"), "unprocessed": ()}


def routes(org: Org) -> list[web.RouteDef]:
    """Handlers of `/jobs/ingest`."""
    api = BulkIngest(org)
    job = f"{DATA}/jobs/ingest/{{id}}"
    return [
        web.post(f"{DATA}/jobs/ingest", api.create),
        web.get(f"{DATA}/jobs/ingest", api.list_jobs),
        web.get(job, api.read),
        web.patch(job, api.change_state),
        web.delete(job, api.delete),
        web.put(f"{job}/batches", api.upload),
        web.get(f"{job}/{{file}}", api.result_file),
    ]


@dataclass(slots=True)
class IngestJob(Job):
    external_id: str = ""
    client: str | None = None
    content: bytes | None = field(default=None, repr=False)
    layout: Layout | None = None
    rows: list[IngestRow] = field(default_factory=list, repr=False)
    failed: int = 0
    error_message: str = ""

    def head(self) -> dict[str, object]:
        base = Job.head(self)
        return base | {"externalIdFieldName": self.external_id} if self.external_id else base

    def created(self) -> dict[str, object]:
        return self.short() | self._content_url() | self.format()

    def full(self) -> dict[str, object]:
        counters: dict[str, object] = {}
        if self.state != "Open":
            counters = {"numberRecordsProcessed": self.processed, "numberRecordsFailed": self.failed}
        times = {
            "retries": 0,
            "totalProcessingTime": self.processing_ms,
            "apiActiveProcessingTime": self.processing_ms,
            "apexProcessingTime": 0,
        }
        kind: dict[str, object] = {"jobType": "V2Ingest"}
        error = {"errorMessage": self.error_message} if self.error_message else {}
        url = self._content_url() if self.state == "Open" else {}
        tail = {"isPkChunkingSupported": False} if float(self.api_version) >= 61 else {}
        return self.short() | kind | url | self.format() | counters | times | error | tail

    def _content_url(self) -> dict[str, object]:
        return {"contentUrl": f"services/data/v{self.api_version}/jobs/ingest/{self.job_id}/batches"}

    def fail(self, message: str) -> None:
        self.error_message = message
        self.enter("Failed")

    def settle(self, row: IngestRow, result: RowResult) -> None:
        row.result = result
        self.processed += 1
        self.failed += not result.success


class BulkIngest:
    """The handlers, and the jobs that run in the background."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._jobs: JobTable[IngestJob] = JobTable(org, "V2Ingest")
        self._tasks: set[asyncio.Task[None]] = set()
        self._batches_today = 0

    async def create(self, request: web.Request) -> web.Response:
        content: bytes | None = None
        if request.content_type == "multipart/form-data":
            body, content = await _multipart(request)
        else:
            body = await json_object(request)
        refused = self._check_operation(body)
        if refused is not None:
            return refused
        object_type = self._org.find_object(str(body.get("object")))
        if object_type is None:
            message = f"InvalidEntity : Unable to find object: {body.get('object')}"
            return routing_error(400, "INVALIDENTITY", message)
        external_id = _external_id(object_type, body)
        if external_id is None:
            message = (
                f"InvalidField : Field name provided, {body.get('externalIdFieldName')} does not match an External ID"
            )
            return routing_error(400, "INVALIDFIELD", message)
        job = IngestJob(
            job_id=self._jobs.new_id(),
            operation=str(body["operation"]),
            object_name=object_type.name,
            user_id=request[USER_ID],
            api_version=api_version(request),
            dialect=dialect_of(body),
            clock=self._org.clock,
            state="Open",
            external_id=external_id,
            client=client_name(request),
            content=content,
        )
        self._jobs.add(job)
        if content is None:
            return json_response(job.created())
        self._start(job)
        return json_response(job.short() | job.format())

    def _check_operation(self, body: dict[str, object]) -> web.Response | None:
        operation = str(body.get("operation"))
        if operation == "hardDelete" and not self._org.config.bulk_hard_delete_allowed:
            return routing_error(400, "FEATURENOTENABLED", _HARD_DELETE)
        if operation not in _OPERATIONS:
            return routing_error(400, "INVALIDOPERATION", f"InvalidOperation : Unsupported operation: {operation}")
        return None

    async def upload(self, request: web.Request) -> web.Response:
        job = self._jobs.find(request)
        if job is None:
            return not_found()
        if job.content is not None:
            message = (
                f"Found multiple contents for job: <{job.job_id}>, please 'Close' / 'Abort' / 'Delete' the current Job "
                "then create a new Job and make sure you only do 'PUT' once on a given Job."
            )
            return invalid_state(message)
        if job.state != "Open":
            return invalid_state(f"Uploading to a job in state {job.state} is not allowed")
        job.client = client_name(request) or job.client
        job.content = await request.read()
        return web.Response(status=201)

    async def change_state(self, request: web.Request) -> web.Response:
        job = self._jobs.find(request)
        if job is None:
            return not_found()
        state = requested_state(await json_object(request), {"UploadComplete", "Aborted"})
        job.client = client_name(request) or job.client
        if state == "Aborted":
            if job.state in FINISHED:
                return invalid_state("Aborting already Completed Job not allowed")
            job.enter("Aborted")
        elif job.state != "Open":
            return invalid_state(f"Closing a job in state {job.state} is not allowed")
        else:
            self._start(job)
        return json_response(job.short())

    async def read(self, request: web.Request) -> web.Response:
        job = self._jobs.find(request)
        return not_found() if job is None else json_response(job.full())

    async def list_jobs(self, request: web.Request) -> web.Response:
        return self._jobs.listing(request)

    async def delete(self, request: web.Request) -> web.Response:
        return self._jobs.delete(request)

    async def result_file(self, request: web.Request) -> web.Response:
        job = self._jobs.find(request)
        name = _RESULT_FILES.get(request.match_info["file"].lower())
        if job is None or name is None:
            return not_found()
        if job.state not in FINISHED:
            return invalid_state(f"The results of a job in state {job.state} are not available")
        return web.Response(text=_file_text(job, name, self._org.config.seed), content_type="text/csv")

    def _start(self, job: IngestJob) -> None:
        job.enter("UploadComplete")
        task = asyncio.create_task(self._process(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _process(self, job: IngestJob) -> None:
        """Run one job. Whatever ends it early leaves it Failed, with what was written still written."""
        await asyncio.sleep(self._org.config.bulk_processing_delay_seconds)
        if job.state == "Aborted":
            return
        job.enter("InProgress")
        try:
            await self._write_all(job)
        except UploadError as error:
            job.fail(str(error))
        finally:
            if job.state == "InProgress":
                job.fail("InternalServerError : the job ended unexpectedly")

    async def _write_all(self, job: IngestJob) -> None:
        await self._read_rows(job)
        if job.layout is None:
            job.enter("JobComplete")
            return
        actor = Actor(job.user_id, self._org.config.bulk_origin_api, job.client, job.api_version)
        writer = Writer(self._org, job.layout, job.operation, job.external_id or "Id")
        batch_rows, transaction_rows = self._org.config.bulk_internal_batch_rows, self._org.config.bulk_transaction_rows
        for batch_start in range(0, len(job.rows), batch_rows):
            if self._batches_today >= DAILY_BATCHES:
                del job.rows[batch_start:]
                break
            self._batches_today += 1
            writer.begin_batch()
            batch = job.rows[batch_start : batch_start + batch_rows]
            for start in range(0, len(batch), transaction_rows):
                if job.state != "InProgress":  # aborted meanwhile
                    return
                self._transaction(job, writer, batch[start : start + transaction_rows], actor)
                await asyncio.sleep(0)
        job.enter("JobComplete")

    async def _read_rows(self, job: IngestJob) -> None:
        """All rows are read before any is written: a file that cannot be read writes nothing."""
        if job.content is None:
            return
        upload = read_upload(job.content, job.dialect)
        object_type = self._org.objects()[job.object_name]
        job.layout = Layout.of(object_type, upload)
        job.content = b""
        chunk_rows = self._org.config.bulk_internal_batch_rows
        while chunk := list(islice(upload.rows, chunk_rows)):
            job.rows += [IngestRow(cells) for cells in chunk]
            await asyncio.sleep(0)

    def _transaction(self, job: IngestJob, writer: Writer, rows: Sequence[IngestRow], actor: Actor) -> None:
        pending: list[tuple[IngestRow, Write]] = []
        writer.begin_transaction()
        for row in rows:
            prepared = writer.prepare(row)
            if isinstance(prepared, Write):
                pending.append((row, prepared))
            else:
                job.settle(row, prepared)
        results = self._org.commit([write for _, write in pending], actor) if pending else []
        for (row, write), result in zip(pending, results, strict=True):
            job.settle(row, result)
            writer.note(write, result)


def _external_id(object_type: ObjectType, body: dict[str, object]) -> str | None:
    """The exact name of the upsert key, empty for other operations; None when it cannot be one."""
    name = str(body.get("externalIdFieldName") or "")
    if body["operation"] != "upsert":
        return ""
    found = object_type.find(name)
    return found.name if found is not None and _is_lookup_field(found) else None


def _is_lookup_field(found: FieldType) -> bool:
    """describe: `idLookup` is true for ids and e-mails."""
    return found.type in {"id", "email"}


async def _multipart(request: web.Request) -> tuple[dict[str, object], bytes]:
    """Parts "job" (JSON) and "content" (CSV) of a one-call job."""
    try:
        parts = await request.post()
    except ValueError as error:
        raise MalformedBodyError(f"The multipart body cannot be read: {error}") from None
    raw = {name: value.file.read() if isinstance(value, web.FileField) else value for name, value in parts.items()}
    try:
        body = orjson.loads(raw["job"])
    except (KeyError, orjson.JSONDecodeError):
        raise MalformedBodyError("The job part must be a JSON object") from None
    content = raw.get("content")
    if not isinstance(body, dict) or content is None:
        raise MalformedBodyError("A multipart job needs the parts job and content")
    return body, content.encode() if isinstance(content, str) else bytes(content)


def _file_text(job: IngestJob, name: str, seed: int) -> str:
    """Salesforce promises no order of the rows, so they come shuffled, the same way each time."""
    layout, delimiter = job.layout, job.dialect.delimiter
    if layout is None:
        return ""
    rows = split_rows(job.rows)[name]
    random.Random(f"{seed}:{job.job_id}").shuffle(rows)
    first = "".join(f'"{column}"{delimiter}' for column in _FIRST_COLUMNS[name])
    lines = (quoted_line(_cells(job, layout, row), delimiter) for row in rows)
    return "".join((f"{first}{layout.header_line}\n", *lines))


def _cells(job: IngestJob, layout: Layout, row: IngestRow) -> list[str]:
    if row.result is None:
        return row.cells
    if row.result.success:
        return successful_line_cells(layout, row, row.result)
    return failed_line_cells(row, row.result, job.operation)
