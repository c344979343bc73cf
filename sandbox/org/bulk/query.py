"""Bulk API 2.0 query jobs over HTTP."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

from sandbox.org.bulk.jobs import JobTable, abort
from sandbox.org.bulk.query_run import QueryJob, QueryRun, ResultFile
from sandbox.org.bulk.refusals import (
    dialect_of,
    invalid_locator,
    invalid_state,
    one_of,
    refused,
    requested_state,
    serving,
)
from sandbox.org.bulk.stream import csv_response
from sandbox.org.http.parameters import whole_number
from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, api_error, api_version, json_object, json_response
from sandbox.org.limits.allocations import Allocation
from sandbox.org.soql.execute import PreparedQuery, prepare
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.soql.typeof import TYPEOF_TYPE
from sandbox.org.store.org import Org

# The server chooses the page size when the client does not; the guide's examples have 50,000.
DEFAULT_PAGE_RECORDS = 50_000
# Bulk API 2.0 guide, "Get Parallel Results for a Query Job".
_PAGES_PER_REPLY = 5
_SINCE, _PARALLEL_SINCE = 47.0, 58.0
_TEXT_LOCATORS_SINCE = 49.0
_UNSUPPORTED_OBJECTS = frozenset({"RecentlyViewed"})


class BulkQuery:
    """The handlers of `/jobs/query`."""

    def __init__(self, org: Org, jobs: JobTable, queries: Allocation, storage: Allocation) -> None:
        self._org = org
        self._jobs = jobs
        self._queries = queries
        self._storage = storage
        self._run = QueryRun(org, storage)

    def routes(self) -> list[web.RouteDef]:
        jobs, job = f"{DATA}/jobs/query", f"{DATA}/jobs/query/{{id}}"
        return [
            web.post(jobs, serving(_SINCE, self.create)),
            web.get(jobs, serving(_SINCE, self.list_jobs)),
            web.get(job, serving(_SINCE, self.read)),
            web.patch(job, serving(_SINCE, self.abort)),
            web.delete(job, serving(_SINCE, self.delete)),
            web.get(f"{job}/results", serving(_SINCE, self.results)),
            web.get(f"{job}/resultPages", serving(_PARALLEL_SINCE, self.result_pages)),
        ]

    async def create(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        operation, dialect = one_of(body, "operation", ("query", "queryAll")), dialect_of(body)
        user_id = request[USER_ID]
        try:
            prepared = prepare(self._org.view(user_id), str(body.get("query") or ""), user_id)
            _check(prepared)
        except SoqlError as error:
            return api_error(400, error.error_code, error.message)
        self._take_one()
        job = QueryJob(
            self._jobs.new_id(), operation, prepared.object_type.name, user_id, api_version(request), dialect,
            self._org.clock, "UploadComplete", prepared=prepared,
        )  # fmt: skip
        self._jobs.add(job)
        self._jobs.start(job, self._run.process(job))
        return json_response(job.short() | job.format())

    def _take_one(self) -> None:
        """Count one more job of the day, or tell in the recorded words why there is none."""
        maximum, jobs = self._queries.maximum, self._queries.used + 1
        if jobs > maximum:
            raise refused("LIMIT_EXCEEDED", f"Max bulk v2 query jobs ({maximum}) per 24 hrs has been reached ({jobs})")
        if self._storage.exhausted:
            size = f"({self._storage.maximum // 1024}) kb"
            raise refused("LIMIT_EXCEEDED", f"Max bulk v2 query result size stored {size} per 24 hrs has been exceeded")
        self._queries.take()

    async def list_jobs(self, request: web.Request) -> web.Response:
        return self._jobs.listing(request, QueryJob)

    async def read(self, request: web.Request) -> web.Response:
        return json_response(self._jobs.find(request, QueryJob).full())

    async def abort(self, request: web.Request) -> web.Response:
        job = self._jobs.find(request, QueryJob)
        await requested_state(request, ("Aborted",))
        return abort(job)

    async def delete(self, request: web.Request) -> web.Response:
        return self._jobs.delete(request, QueryJob)

    async def results(self, request: web.Request) -> web.StreamResponse:
        found = self._results(request)
        start = _start(request, found)
        end = min(start + _page_records(request), len(found))
        headers = {
            "Sforce-Locator": _locator(request, end) if end < len(found) else "null",
            "Sforce-NumberOfRecords": str(end - start),
        }
        return await csv_response(request, found.page(start, end), headers)

    async def result_pages(self, request: web.Request) -> web.Response:
        """Where pages of the results are, so that several can be fetched at once."""
        found = self._results(request)
        start, page_records = _start(request, found), _page_records(request)
        end = min(start + _PAGES_PER_REPLY * page_records, len(found))
        path = request.path.rstrip("/")

        def page(resource: str, offset: int) -> str:
            return f"{resource}?locator={_locator(request, offset)}&maxRecords={page_records}"

        results = path.removesuffix("resultPages") + "results"
        # An empty answer is a page too: its header.
        links = [{"resultLink": page(results, one)} for one in range(start, max(end, start + 1), page_records)]
        more = end < len(found)
        next_url = page(path, end) if more else None
        return json_response({"resultPages": links, "nextRecordsUrl": next_url, "done": not more})

    def _results(self, request: web.Request) -> ResultFile:
        """The results of the job in the path. Raises RefusedError when there are none."""
        job = self._jobs.find(request, QueryJob)
        if api_version(request) != job.api_version:
            message = f"The job was created with API version {job.api_version}"
            raise refused("API_VERSION_MISMATCH", message, status=409)
        if job.state != "JobComplete" or job.results is None:
            raise invalid_state(f"The results of a job in state {job.state} are not available")
        return job.results


def _check(prepared: PreparedQuery) -> None:
    """SoqlError for what Bulk queries do not take (Bulk API 2.0 guide, "Understanding Bulk API 2.0 Query")."""
    kind = "not supported in Bulk V2 Query with CSV content type"
    if prepared.object_type.name in _UNSUPPORTED_OBJECTS:
        raise SoqlError("INVALIDENTITY", f"Entity '{prepared.object_type.name}' is not supported by the Bulk API.")
    if prepared.query.counts_only or prepared.grouping is not None:
        raise SoqlError("FEATURENOTENABLED", f"Aggregate Functions {kind}")
    if prepared.children:
        raise SoqlError("FEATURENOTENABLED", f"Aggregate Relationships {kind}")
    if any(column.field.type == TYPEOF_TYPE for column in prepared.columns):
        raise SoqlError("FEATURENOTENABLED", f"TYPEOF {kind}")
    if prepared.query.offset:
        raise SoqlError("FEATURENOTENABLED", f"OFFSET {kind}")
    if any(column.field.type in {"address", "location"} for column in prepared.columns):
        raise SoqlError("API_ERROR", "Selecting compound data not supported in Bulk Query")


def _page_records(request: web.Request) -> int:
    return whole_number(request, "maxRecords", 0) or DEFAULT_PAGE_RECORDS


def _locator(request: web.Request, offset: int) -> str:
    """`MTAwMDA` is 10000 in base64, without padding, as recorded; older versions have the number."""
    if float(api_version(request)) < _TEXT_LOCATORS_SINCE:
        return str(offset)
    return base64.b64encode(str(offset).encode()).decode().rstrip("=")


def _start(request: web.Request, found: ResultFile) -> int:
    """Where the page starts. Raises RefusedError for a locator that was never given out."""
    locator = request.query.get("locator")
    if not locator:
        return 0
    offset = _offset(locator)
    if offset is None or (offset and offset >= len(found)):
        raise invalid_locator()
    return offset


def _offset(locator: str) -> int | None:
    text = locator
    if not locator.isdigit():
        try:
            text = base64.b64decode(locator + "=" * (-len(locator) % 4), validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
