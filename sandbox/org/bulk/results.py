"""The three result files of an ingest job."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from sandbox.org.bulk.csv_text import Dialect, cells_of, quoted_lines
from sandbox.org.bulk.layout import Layout
from sandbox.org.rows.writes import RowError, RowResult

_ROWS_PER_CHUNK = 1_000
# Bulk API 2.0 guide, "Get Job Failed Record Results".
_FAILED_IDS_SINCE = 53.0


@dataclass(slots=True)
class IngestRow:
    """One uploaded row as it was written and what became of it; `result` None means not processed."""

    raw: str
    result: RowResult | None = None


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """The files of a job, whose rows come in no order that anybody may rely on: shuffled, the same way each time."""

    # None: the rows were never read, so that all of `content` is unprocessed.
    layout: Layout | None
    content: bytes
    rows: Sequence[IngestRow]
    dialect: Dialect
    operation: str
    api_version: float
    order_seed: str

    def successful(self) -> Iterator[str]:
        """`sf__Id`, `sf__Created`, and the columns of the upload with numbers rendered anew."""
        return self._file(("sf__Id", "sf__Created"), self._successful, success=True)

    def failed(self) -> Iterator[str]:
        """`sf__Id`, `sf__Error`, and the columns of the upload."""
        return self._file(("sf__Id", "sf__Error"), self._failed, success=False)

    def unprocessed(self) -> Iterator[str]:
        """The rows as they were uploaded."""
        if self.layout is None:
            yield self.content.decode(errors="replace")
            return
        yield f"{self._header_line}\n"
        for row in self._shuffled(row for row in self.rows if row.result is None):
            yield row.raw.rstrip("\r\n") + "\n"

    def _file(
        self,
        first_columns: Iterable[str],
        cells: Callable[[Layout, RowResult, list[str]], list[str]],
        *,
        success: bool,
    ) -> Iterator[str]:
        first = "".join(f'"{name}"{self.dialect.delimiter}' for name in first_columns)
        yield f"{first}{self._header_line}\n"
        if self.layout is None:
            return
        rows = self._shuffled(row for row in self.rows if row.result is not None and row.result.success is success)
        # The samples have line feeds, whatever the upload had.
        written = Dialect(self.dialect.column_delimiter)
        for start in range(0, len(rows), _ROWS_PER_CHUNK):
            chunk = rows[start : start + _ROWS_PER_CHUNK]
            uploaded = cells_of((row.raw for row in chunk), self.dialect, len(self.layout.columns))
            results = (row.result for row in chunk if row.result is not None)
            yield "".join(quoted_lines(map(cells, repeat(self.layout), results, uploaded), written))

    @property
    def _header_line(self) -> str:
        if self.layout is not None:
            return self.layout.header_line
        return self.content.split(b"\n", 1)[0].decode(errors="replace").rstrip("\r")

    def _shuffled(self, rows: Iterable[IngestRow]) -> list[IngestRow]:
        found = list(rows)
        random.Random(self.order_seed).shuffle(found)
        return found

    @staticmethod
    def _successful(layout: Layout, result: RowResult, cells: list[str]) -> list[str]:
        created = str(result.created).lower()
        return [result.record_id or "", created, *layout.successful_cells(cells)]

    def _failed(self, _layout: Layout, result: RowResult, cells: list[str]) -> list[str]:
        """A row that was to create a record has no id."""
        has_id = self.operation != "insert" and self.api_version >= _FAILED_IDS_SINCE
        return [(result.record_id or "") if has_id else "", error_text(result.errors), *cells]


#: The files by the end of their address, in lower case.
FILES: dict[str, Callable[[ResultFiles], Iterator[str]]] = {
    "successfulresults": ResultFiles.successful,
    "failedresults": ResultFiles.failed,
    "unprocessedrecords": ResultFiles.unprocessed,
}


async def in_turns(lines: Iterator[str]) -> AsyncIterator[bytes]:
    """The lines of a file, with turns for others between them."""
    for line in lines:
        yield line.encode()
        await asyncio.sleep(0)


def error_text(errors: Iterable[RowError]) -> str:
    """`CODE:message:Field,Field --` of the first error; `:--` without fields."""
    first = next(iter(errors))
    fields = f"{','.join(first.fields)} --" if first.fields else "--"
    return f"{first.status_code}:{first.message}:{fields}"
