"""The work on an ingest job: reading the file, internal batches, transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar

from sandbox.org.bulk.csv_text import Upload, UploadError, cells_of, read_upload
from sandbox.org.bulk.faults import strike
from sandbox.org.bulk.jobs import Job, JobType
from sandbox.org.bulk.layout import Layout
from sandbox.org.bulk.results import FILES, IngestRow, ResultFiles, in_turns
from sandbox.org.bulk.rows import Writer
from sandbox.org.bulk.spool import Spool
from sandbox.org.limits.allocations import Allocation
from sandbox.org.metadata.objects import FieldType
from sandbox.org.rows.writes import Actor, RowResult, Write
from sandbox.org.store.org import Org

# Since when job replies tell whether chunking is possible, which is a matter of the first Bulk API.
_CHUNKING_TOLD_SINCE = 61.0


@dataclass(slots=True, kw_only=True)
class IngestJob(Job):
    job_type: ClassVar[JobType] = "V2Ingest"

    #: The field by which an upsert finds records; the id for other operations.
    key: FieldType
    assignment_rule_id: str = ""
    client: str | None = None
    content: bytes | None = field(default=None, repr=False)
    layout: Layout | None = None
    rows: list[IngestRow] = field(default_factory=list, repr=False)
    failed: int = 0
    #: Part of what decides the order of the rows in the result files.
    order_seed: int = 0
    sealed: dict[str, Spool] = field(default_factory=dict, repr=False)
    # Those of `sealed`, and those that are still being written.
    spools: list[Spool] = field(default_factory=list, repr=False)

    def head(self) -> dict[str, object]:
        head = Job.head(self)
        if self.operation == "upsert":
            # Upserts by id were seen with a small "id".
            head["externalIdFieldName"] = "id" if self.key.type == "id" else self.key.name
        if self.assignment_rule_id:
            head["assignmentRuleId"] = self.assignment_rule_id
        return head

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
        kind: dict[str, object] = {"jobType": self.job_type}
        url = self._content_url() if self.state == "Open" else {}
        tail = {"isPkChunkingSupported": False} if float(self.api_version) >= _CHUNKING_TOLD_SINCE else {}
        return self.short() | kind | url | self.format() | counters | times | self.told_error() | tail

    def _content_url(self) -> dict[str, object]:
        return {"contentUrl": f"services/data/v{self.api_version}/jobs/ingest/{self.job_id}/batches"}

    def settle(self, row: IngestRow, result: RowResult) -> None:
        row.result = result
        self.processed += 1
        self.failed += not result.success

    def result_files(self) -> ResultFiles:
        version, order_seed = float(self.api_version), f"{self.order_seed}:{self.job_id}"
        content = self.content or b""
        return ResultFiles(self.layout, content, self.rows, self.dialect, self.operation, version, order_seed)

    async def seal(self) -> None:
        """Keep the result files of a finished job in place of what they are made from."""
        files = {name: Spool() for name in FILES}
        self.spools += files.values()
        for name, file in FILES.items():
            async for piece in in_turns(file(self.result_files())):
                files[name].append(piece)
        self.sealed, self.rows, self.content = files, [], b""

    def result_file(self, name: str) -> AsyncIterator[bytes]:
        """One of `FILES` of a finished job."""
        if name in self.sealed:
            return self.sealed[name].pieces()
        return in_turns(FILES[name](self.result_files()))

    def dispose(self) -> None:
        Job.dispose(self)
        for spool in self.spools:
            spool.close()


@dataclass(frozen=True, slots=True)
class IngestRun:
    """Works on the jobs of one org."""

    org: Org
    #: The internal batches of a day; rows beyond them are in no result file.
    batches: Allocation

    async def process(self, job: IngestJob) -> None:
        """Run one job. Whatever ends it early leaves it Failed, with what was written still written."""
        await asyncio.sleep(self.org.config.bulk_processing_delay_seconds)
        job.enter("InProgress")
        try:
            await self._write_all(job)
        except UploadError as error:
            job.fail(str(error))
        finally:
            if job.state == "InProgress":
                job.fail("InternalServerError : the job ended unexpectedly")
        await job.seal()

    async def _write_all(self, job: IngestJob) -> None:
        await self._read_rows(job)
        if job.layout is None:
            job.enter("JobComplete")
            return
        actor = self._actor(job)
        writer = Writer(self.org.view(job.user_id), job.layout, job.operation, job.key)
        batch_rows = self.org.config.bulk_internal_batch_rows
        for start in range(0, len(job.rows), batch_rows):
            if self.batches.exhausted:
                del job.rows[start:]
                break
            self.batches.take()
            if not await strike(self.org.faults, job, batch=start // batch_rows + 1):
                return
            await self._batch(job, writer, job.rows[start : start + batch_rows], actor)
        job.enter("JobComplete")

    def _actor(self, job: IngestJob) -> Actor:
        config, client = self.org.config, job.client
        if client and config.bulk_client_ends_with_slash:
            client = f"{client.removesuffix('/')}/"
        return Actor(job.user_id, config.bulk_origin_api, client, job.api_version)

    async def _batch(self, job: IngestJob, writer: Writer, rows: list[IngestRow], actor: Actor) -> None:
        cells = cells_of((row.raw for row in rows), job.dialect, len(writer.layout.columns))
        chunk_rows = self.org.config.bulk_transaction_rows
        for start in range(0, len(rows), chunk_rows):
            chunk = rows[start : start + chunk_rows]
            self._transaction(job, writer, chunk, list(islice(cells, len(chunk))), actor)
            # Others get their turn; this is where an abort ends the work.
            await asyncio.sleep(0)

    async def _read_rows(self, job: IngestJob) -> None:
        """All rows are read before any is written: a file that cannot be read writes nothing."""
        if job.content is None:
            return
        upload = read_upload(job.content, job.dialect)
        layout = self._layout(job, upload)
        rows: list[IngestRow] = []
        while chunk := list(islice(upload.records, self.org.config.bulk_internal_batch_rows)):
            rows += map(IngestRow, chunk)
            await asyncio.sleep(0)
        job.layout, job.rows, job.content = layout, rows, b""

    def _layout(self, job: IngestJob, upload: Upload) -> Layout:
        """UploadError for columns that do not fit. What the user must not see is no field."""
        view = self.org.view(job.user_id)
        object_type = view.find_object(job.object_name)
        if object_type is None:
            raise UploadError(f"InvalidBatch : Unable to find object: {job.object_name}")
        layout = Layout.of(object_type, upload, view.find_object)
        if job.operation != "insert" and (job.operation != "upsert" or job.key.type != "id"):
            layout.require(job.key.name)
        return layout

    def _transaction(
        self, job: IngestJob, writer: Writer, rows: Sequence[IngestRow], cells: Sequence[list[str]], actor: Actor
    ) -> None:
        pending: list[tuple[IngestRow, Write]] = []
        writer.begin_transaction()
        for row, row_cells in zip(rows, cells, strict=True):
            prepared = writer.prepare(row_cells)
            if isinstance(prepared, Write):
                pending.append((row, prepared))
            else:
                job.settle(row, prepared)
        results = self.org.commit([write for _, write in pending], actor) if pending else []
        for (row, _), result in zip(pending, results, strict=True):
            job.settle(row, result)
