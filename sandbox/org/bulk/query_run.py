"""The work on a query job: the query's answer, written to a file as it is found."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import ClassVar

from sandbox.org.bulk.csv_text import Dialect, quoted_lines
from sandbox.org.bulk.faults import strike
from sandbox.org.bulk.jobs import FINISHED, Job, JobType
from sandbox.org.bulk.spool import Spool
from sandbox.org.limits.allocations import Allocation
from sandbox.org.soql.execute import PreparedQuery
from sandbox.org.soql.schema import Column, Row
from sandbox.org.store.org import Org
from sandbox.org.store.sharing import UserView
from sandbox.org.values.java_text import java_double
from sandbox.org.values.timestamps import event_datetime

# Rows written between two turns of the event loop.
_ROWS_PER_TURN = 1_000
_CHUNKING_TOLD_SINCE = 61.0
# Bulk API 2.0 guide, "Create a Query Job": the columns are in the order of the SELECT since then.
_SELECT_ORDER_SINCE = 50.0


class ResultFile:
    """An answer as CSV: the header line, and the lines of the records with the offset of each."""

    def __init__(self, dialect: Dialect, names: Iterable[str]) -> None:
        self._dialect = dialect
        self._header = "".join(quoted_lines([names], dialect)).encode()
        self._lines = Spool()
        # Where the lines start, and at last where the next one would.
        self._offsets = array("Q", [0])

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @property
    def size_bytes(self) -> int:
        return self._offsets[-1]

    def append(self, rows: Iterable[Iterable[str | None]]) -> int:
        """Add the cells of records; how many bytes they take."""
        before = self.size_bytes
        lines = [line.encode() for line in quoted_lines(rows, self._dialect)]
        self._lines.append(b"".join(lines))
        self._offsets.extend(islice(accumulate(map(len, lines), initial=before), 1, None))
        return self.size_bytes - before

    async def page(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The header line and the lines of these records, in pieces."""
        yield self._header
        async for piece in self._lines.pieces(self._offsets[start], self._offsets[min(stop, len(self))]):
            yield piece

    def close(self) -> None:
        self._lines.close()


@dataclass(slots=True, kw_only=True)
class QueryJob(Job):
    job_type: ClassVar[JobType] = "V2Query"

    prepared: PreparedQuery
    results: ResultFile | None = field(default=None, init=False)

    def full(self) -> dict[str, object]:
        counters: dict[str, object] = {}
        if self.state in FINISHED:
            counters = {
                "numberRecordsProcessed": self.processed,
                "retries": 0,
                "totalProcessingTime": self.processing_ms,
            }
        kind: dict[str, object] = {"jobType": self.job_type}
        tail = {"isPkChunkingSupported": True} if float(self.api_version) >= _CHUNKING_TOLD_SINCE else {}
        return self.short() | kind | self.format() | counters | self.told_error() | tail

    def dispose(self) -> None:
        Job.dispose(self)
        if self.results is not None:
            self.results.close()


@dataclass(frozen=True, slots=True)
class QueryRun:
    """Works on the query jobs of one org."""

    org: Org
    #: Bytes of results of a day.
    storage: Allocation

    async def process(self, job: QueryJob) -> None:
        await asyncio.sleep(self.org.config.bulk_processing_delay_seconds)
        job.enter("InProgress")
        try:
            if await strike(self.org.faults, job):
                await self._answer(job)
                job.enter("JobComplete")
        finally:
            if job.state == "InProgress":
                job.fail("InternalServerError : the job ended unexpectedly")

    async def _answer(self, job: QueryJob) -> None:
        columns = job.prepared.columns
        if float(job.api_version) < _SELECT_ORDER_SINCE:
            columns = tuple(sorted(columns, key=lambda column: column.text))
        job.results = ResultFile(job.dialect, [column.text for column in columns])
        cells = [_cell_of(column) for column in columns]
        rows = _matching(job.prepared, self.org.view(job.user_id), deleted=job.operation == "queryAll")
        while chunk := list(islice(rows, _ROWS_PER_TURN)):
            self.storage.take(job.results.append([cell(row) for cell in cells] for row in chunk))
            job.processed += len(chunk)
            await asyncio.sleep(0)


def _matching(prepared: PreparedQuery, view: UserView, *, deleted: bool) -> Iterator[Row]:
    """The rows of the answer; those that need no sorting one by one, so that other callers do not wait for all."""
    if prepared.ranks:
        return iter(prepared.arranged(prepared.filtered(view, deleted=deleted)))
    rows = filter(prepared.matches, prepared.candidates(view, deleted=deleted))
    return islice(rows, prepared.query.limit)


def _cell_of(column: Column) -> Callable[[Row], str | None]:
    """How a cell is read: doubles as Java writes them, date-times with Z, null as an empty cell."""
    read, kind = column.read, column.field.type
    if kind == "boolean":
        return lambda row: None if (value := read(row)) is None else str(value).lower()
    if kind == "datetime":
        return lambda row: None if (value := read(row)) is None else event_datetime(str(value))

    def cell(row: Row) -> str | None:
        value = read(row)
        if isinstance(value, float):
            return java_double(value)
        if isinstance(value, bool):
            return str(value).lower()
        return value if value is None or isinstance(value, str) else str(value)

    return cell
