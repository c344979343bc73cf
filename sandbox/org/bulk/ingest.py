"""Bulk API 2.0 ingest jobs over HTTP: create, upload, start, poll, three result files."""

from __future__ import annotations

from typing import Literal

import orjson
from aiohttp import web

from sandbox.org.bulk.ingest_run import IngestJob, IngestRun
from sandbox.org.bulk.jobs import FINISHED, JobTable, abort, not_allowed
from sandbox.org.bulk.refusals import RefusedError, dialect_of, invalid_state, one_of, refused, requested_state, serving
from sandbox.org.bulk.results import FILES
from sandbox.org.bulk.stream import csv_response
from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import (
    USER_ID,
    MalformedBodyError,
    api_version,
    client_name,
    json_object,
    json_response,
    not_found,
)
from sandbox.org.limits.allocations import Allocation
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.store.org import Org

# Bulk API 2.0 guide, "Upload Job Data": 150 MB in base64, which adds a third; "Create a Job" for multipart requests.
MAX_UPLOAD_BYTES = 150 * 1024 * 1024 * 3 // 4
MAX_MULTIPART_CHARACTERS = 100_000
_SINCE = 41.0
_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
_HARD_DELETE = "hardDelete operation requires special user profile permission, please contact your system administrator"


class BulkIngest:
    """The handlers of `/jobs/ingest`."""

    def __init__(self, org: Org, jobs: JobTable, batches: Allocation) -> None:
        self._org = org
        self._jobs = jobs
        self._run = IngestRun(org, batches)

    def routes(self) -> list[web.RouteDef]:
        job = f"{DATA}/jobs/ingest/{{id}}"
        routes = [
            web.post(f"{DATA}/jobs/ingest", self.create),
            web.get(f"{DATA}/jobs/ingest", self.list_jobs),
            web.get(job, self.read),
            web.patch(job, self.change_state),
            web.delete(job, self.delete),
            web.put(f"{job}/batches", self.upload),
            web.get(f"{job}/{{file}}", self.result_file),
        ]
        return [web.RouteDef(one.method, one.path, serving(_SINCE, one.handler), one.kwargs) for one in routes]

    async def create(self, request: web.Request) -> web.Response:
        content: bytes | None = None
        if request.content_type == "multipart/form-data":
            body, content = await _multipart(request)
        else:
            body = await json_object(request)
        job = self._job(request, body)
        self._jobs.add(job)
        if content is None:
            return json_response(job.created())
        job.content = content
        self._start(job)
        return json_response(job.short() | job.format())

    def _job(self, request: web.Request, body: dict[str, object]) -> IngestJob:
        """The job that a body describes. Raises RefusedError."""
        operation, dialect = one_of(body, "operation", _OPERATIONS), dialect_of(body)
        view = self._org.view(request[USER_ID])
        allowed = self._org.config.bulk_hard_delete_allowed or "PermissionsBulkApiHardDelete" in view.access.system
        if operation == "hardDelete" and not allowed:
            raise refused("FEATURENOTENABLED", _HARD_DELETE)
        object_type = view.find_object(str(body.get("object")))
        if object_type is None:
            raise refused("INVALIDJOB", f"InvalidJob : Unable to find object: {body.get('object')}")
        if not _is_loadable(self._org.objects()[object_type.name]):
            raise refused("INVALIDENTITY", f"Entity '{object_type.name}' is not supported by the Bulk API.")
        return IngestJob(
            self._jobs.new_id(), operation, object_type.name, request[USER_ID], api_version(request), dialect,
            self._org.clock, "Open", order_seed=self._org.config.seed, key=_key_field(object_type, operation, body),
            assignment_rule_id=str(body.get("assignmentRuleId") or ""), client=self._client("create", request, None),
        )  # fmt: skip

    async def upload(self, request: web.Request) -> web.Response:
        job = self._jobs.find(request, IngestJob)
        self._check_uploadable(job)
        content = await _body(request)
        # Another request may have got in between.
        self._check_uploadable(job)
        job.client = self._client("upload", request, job.client)
        job.content = content
        return web.Response(status=201)

    def _check_uploadable(self, job: IngestJob) -> None:
        """Raises RefusedError."""
        if job.state != "Open":
            raise not_allowed("Uploading to", job)
        if job.content is not None and not self._org.config.bulk_second_upload_accepted:
            message = (
                f"Found multiple contents for job: <{job.job_id}>, please 'Close' / 'Abort' / 'Delete' the current Job "
                "then create a new Job and make sure you only do 'PUT' once on a given Job."
            )
            raise refused("BULK_API_ERROR", message)

    async def change_state(self, request: web.Request) -> web.Response:
        job = self._jobs.find(request, IngestJob)
        state = await requested_state(request, ("UploadComplete", "Aborted"))
        job.client = self._client("close", request, job.client)
        if state == "Aborted":
            response = abort(job)
            self._jobs.start(job, job.seal())
            return response
        if job.state != "Open":
            raise not_allowed("Closing", job)
        self._start(job)
        return json_response(job.short())

    async def read(self, request: web.Request) -> web.Response:
        return json_response(self._jobs.find(request, IngestJob).full())

    async def list_jobs(self, request: web.Request) -> web.Response:
        return self._jobs.listing(request, IngestJob)

    async def delete(self, request: web.Request) -> web.Response:
        return self._jobs.delete(request, IngestJob)

    async def result_file(self, request: web.Request) -> web.StreamResponse:
        job = self._jobs.find(request, IngestJob)
        name = request.match_info["file"].lower()
        if name not in FILES:
            return not_found()
        if job.state not in FINISHED:
            raise invalid_state(f"The results of a job in state {job.state} are not available")
        return await csv_response(request, job.result_file(name))

    def _client(
        self, step: Literal["create", "upload", "close"], request: web.Request, known: str | None
    ) -> str | None:
        """The client that change events name: that of the last request that told one, if its kind of request counts."""
        if step not in self._org.config.bulk_client_told_at:
            return known
        return client_name(request) or known

    def _start(self, job: IngestJob) -> None:
        job.enter("UploadComplete")
        self._jobs.start(job, self._run.process(job))


def _is_loadable(object_type: ObjectType) -> bool:
    return object_type.createable or object_type.updateable


def _key_field(object_type: ObjectType, operation: str, body: dict[str, object]) -> FieldType:
    """The field by which records are found: of an upsert the one that is named, else the id. Raises RefusedError."""
    if operation != "upsert":
        return object_type.by_name["Id"]
    name = str(body.get("externalIdFieldName") or "")
    found = object_type.find(name)
    if found is None or not found.id_lookup:
        rule = f"does not match an External ID for {object_type.name}"
        raise refused("INVALIDJOB", f"InvalidJob : Field name provided, {name} {rule}")
    return found


def _too_large(limit: str) -> RefusedError:
    return refused("BULK_API_ERROR", f"The data exceeds the limit of {limit}", status=413)


async def _body(request: web.Request) -> bytes:
    """The body. RefusedError when it is larger than an upload may be; then it is read to its end, but not kept."""
    content = bytearray()
    async for chunk in request.content.iter_any():
        if len(content) <= MAX_UPLOAD_BYTES:
            content += chunk
    if len(content) > MAX_UPLOAD_BYTES:
        raise _too_large("150 MB in base64")
    return bytes(content)


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
    data = content.encode() if isinstance(content, str) else bytes(content)
    if len(data.decode(errors="replace")) > MAX_MULTIPART_CHARACTERS:
        raise _too_large(f"{MAX_MULTIPART_CHARACTERS} characters of a multipart request")
    return body, data
