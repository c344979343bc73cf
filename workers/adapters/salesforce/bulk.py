"""Bulk API 2.0 of one org: query jobs in, update jobs out."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterable, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from schemas.events import Entity
from workers.adapters.salesforce.api import Api
from workers.adapters.salesforce.bulk_csv import (
    INGEST_DELIMITER_NAME,
    csv_header,
    csv_rows,
    parse_outcomes,
    parse_rows,
)
from workers.adapters.salesforce.errors import Reply, SalesforceRefused
from workers.adapters.salesforce.http import UPLOAD_SECONDS, parsed
from workers.adapters.salesforce.names import DATA_PATH, OBJECT_NAME
from workers.ports import IngestRow, IngestState, Page, RowOutcome, Unavailable

QUERY_JOBS = f"{DATA_PATH}/jobs/query"
INGEST_JOBS = f"{DATA_PATH}/jobs/ingest"

PAGE_ROWS = 5_000
"""About 3 MB of text at 60 fields, mostly empty: few API calls, and little enough for many imports at once."""

UPLOAD_LIMIT_BYTES = 90_000_000
"""Salesforce takes 150 MB after base64 encoding and advises at most 100 MB before it."""

TWICE = "multiple contents"
"""Of the answer to a second upload. aiohttp repeats a PUT by itself when a kept connection is cut off."""

CSV_ACCEPT = {"Accept": "text/csv"}
LAST_LOCATOR = "null"  # the text, in the Sforce-Locator header of the last page
_DONE_UPLOADING = frozenset({"UploadComplete", "InProgress", "JobComplete"})
_ENDED_WITHOUT_SUCCESS = frozenset({"Aborted", "Failed"})


class _Job(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id: str
    state: str
    numberRecordsProcessed: int = 0  # noqa: N815 - Salesforce's spelling
    numberRecordsFailed: int = 0  # noqa: N815 - Salesforce's spelling
    errorMessage: str | None = None  # noqa: N815 - Salesforce's spelling


class _Listed(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id: str
    state: str
    object: str = ""
    operation: str = ""
    createdById: str = ""  # noqa: N815 - Salesforce's spelling
    createdDate: str  # noqa: N815 - Salesforce's spelling
    columnDelimiter: str = ""  # noqa: N815 - Salesforce's spelling


class _Listing(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    done: bool = True
    records: list[_Listed]
    nextRecordsUrl: str | None = None  # noqa: N815 - Salesforce's spelling


class Bulk:
    def __init__(self, api: Api) -> None:
        self._api = api

    # Query jobs

    async def query_create(self, soql: str, *, deleted: bool = False) -> str:
        operation = "queryAll" if deleted else "query"
        body = {"operation": operation, "query": soql, "columnDelimiter": "COMMA", "lineEnding": "LF"}
        return parsed(_Job, await self._api.post_json(QUERY_JOBS, body), QUERY_JOBS).id

    async def query_state(self, job_id: str) -> IngestState:
        return await self._state(f"{QUERY_JOBS}/{job_id}")

    async def query_page(self, job_id: str, locator: str | None) -> Page:
        params = {"maxRecords": str(PAGE_ROWS), **({"locator": locator} if locator else {})}
        path = f"{QUERY_JOBS}/{job_id}/results"
        reply = await self._api.get(path, params, CSV_ACCEPT)
        following = reply.headers.get("sforce-locator", LAST_LOCATOR)
        rows = await _rows(reply, path)
        # A reply that was cut off between two rows is well-formed all the same.
        if (told := reply.headers.get("sforce-numberofrecords")) is not None and told != str(len(rows)):
            raise Unavailable(f"{path} brought {len(rows)} of {told} rows")
        return Page(rows, None if following == LAST_LOCATOR else following)

    # Update jobs

    async def ingest_create(self, entity: Entity) -> str:
        body = {
            "object": OBJECT_NAME[entity],
            "operation": "update",
            "contentType": "CSV",
            "columnDelimiter": INGEST_DELIMITER_NAME,
            "lineEnding": "LF",
        }
        return parsed(_Job, await self._api.post_json(INGEST_JOBS, body), INGEST_JOBS).id

    async def ingest_open(self, entity: Entity, user_id: str, since_ms: int) -> list[str]:
        return [job.id for job in await self._ingests() if _is_ours(job, OBJECT_NAME[entity], user_id, since_ms)]

    async def _ingests(self) -> list[_Listed]:
        found: list[_Listed] = []
        path, params = INGEST_JOBS, {"jobType": "V2Ingest"}
        while True:
            page = parsed(_Listing, await self._api.get(path, params), INGEST_JOBS)
            found += page.records
            if page.done or not page.nextRecordsUrl:
                return found
            if not page.nextRecordsUrl.startswith(INGEST_JOBS):
                raise Unavailable(f"Salesforce named an unexpected next page of {INGEST_JOBS}")
            path, params = page.nextRecordsUrl, {}

    async def ingest_upload(
        self, job_id: str, columns: Sequence[str], pages: AsyncIterable[Sequence[IngestRow]]
    ) -> int:
        """Raises `ValueError` above `UPLOAD_LIMIT_BYTES`: the caller splits its rows over jobs."""
        content, count = bytearray(csv_header(columns)), 0
        async for rows in pages:
            content += csv_rows(columns, rows)
            count += len(rows)
            if len(content) > UPLOAD_LIMIT_BYTES:
                raise ValueError(f"too many bytes for one Bulk job: at most {UPLOAD_LIMIT_BYTES}")
        path = f"{INGEST_JOBS}/{job_id}/batches"
        try:
            await self._api.put(path, bytes(content), "text/csv; charset=UTF-8", UPLOAD_SECONDS)
        except SalesforceRefused as refused:
            if TWICE in str(refused):
                raise Unavailable(f"{path} holds rows already") from refused
            raise
        return count

    async def ingest_complete(self, job_id: str) -> None:
        await self._set_state(job_id, "UploadComplete", _DONE_UPLOADING)

    async def ingest_state(self, job_id: str) -> IngestState:
        return await self._state(f"{INGEST_JOBS}/{job_id}")

    async def ingest_abort(self, job_id: str) -> None:
        """Also fine when the job has ended without success; refused when it has succeeded."""
        await self._set_state(job_id, "Aborted", _ENDED_WITHOUT_SUCCESS)

    async def ingest_accepted(self, job_id: str) -> list[RowOutcome]:
        return await self._outcomes(job_id, "successfulResults")

    async def ingest_rejected(self, job_id: str) -> list[RowOutcome]:
        return await self._outcomes(job_id, "failedResults")

    async def ingest_unprocessed(self, job_id: str) -> list[RowOutcome]:
        return await self._outcomes(job_id, "unprocessedrecords")

    async def _outcomes(self, job_id: str, file: str) -> list[RowOutcome]:
        path = f"{INGEST_JOBS}/{job_id}/{file}"
        reply = await self._api.get(path, headers=CSV_ACCEPT)
        try:
            return await parse_outcomes(reply.body)
        except (csv.Error, ValueError) as error:
            raise _unreadable(path, error) from None

    async def _state(self, path: str) -> IngestState:
        job = parsed(_Job, await self._api.get(path), path)
        return IngestState(job.state, job.numberRecordsProcessed, job.numberRecordsFailed, job.errorMessage)

    async def _set_state(self, job_id: str, state: str, already: frozenset[str]) -> None:
        """A lost reply makes the retry fail although the first attempt worked: then the job's own state decides."""
        try:
            await self._api.patch_json(f"{INGEST_JOBS}/{job_id}", {"state": state})
        except SalesforceRefused:
            if (await self.ingest_state(job_id)).state not in already:
                raise


async def _rows(reply: Reply, path: str) -> list[dict[str, str]]:
    try:
        return await parse_rows(reply.body)
    except (csv.Error, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: Exception) -> Unavailable:
    """Without the text, which holds customers' data."""
    return Unavailable(f"unreadable CSV from {path}: {type(error).__name__}")


def _is_ours(job: _Listed, object_name: str, user_id: str, since_ms: int) -> bool:
    described = (job.state, job.object, job.operation, job.columnDelimiter, job.createdById[:15])
    ours = ("Open", object_name, "update", INGEST_DELIMITER_NAME, user_id[:15])
    return described == ours and created_ms(job) >= since_ms


def created_ms(job: _Listed) -> int:
    """Unlike REST, Bulk API 2.0 writes the offset without a colon."""
    return int(datetime.strptime(job.createdDate, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000)
