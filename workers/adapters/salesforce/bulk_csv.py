"""The CSV of Bulk API 2.0, both ways: comma, LF, RFC 4180 quoting and nothing else.

Values are never prefixed against spreadsheet formulas: that would change the customer's data.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence

from workers.ports import IngestRow, RowOutcome

THREAD_ABOVE_BYTES = 64 * 1024
"""Parsing 50 KB took 3 ms (measured); much more would hold up every other team's stream."""

CELL_CHARACTERS = 400_000
"""Longest record that Bulk API 2.0 carries; the csv module stops at 131,072 by itself."""


async def parse_rows(body: bytes) -> list[dict[str, str]]:
    """Rows as column -> text. Large bodies are parsed off the event loop."""
    if len(body) > THREAD_ABOVE_BYTES:
        return await asyncio.to_thread(rows_of, body)
    return rows_of(body)


def rows_of(body: bytes) -> list[dict[str, str]]:
    """NUL, which Salesforce lets through and no other part of the pipeline takes, is dropped."""
    csv.field_size_limit(CELL_CHARACTERS)
    reader = csv.reader(io.StringIO(body.decode("utf-8-sig").replace("\0", ""), newline=""), strict=True)
    header = next(reader, [])
    return [dict(zip(header, row, strict=True)) for row in reader if row]


def outcomes(rows: Sequence[dict[str, str]]) -> list[RowOutcome]:
    """Rows of a result file. The uploaded Id is the key: sf__Id may be empty, and unprocessed rows have none."""
    return [RowOutcome(row.get("Id") or row.get("sf__Id", ""), row.get("sf__Error") or None) for row in rows]


def ingest_csv(rows: Sequence[IngestRow]) -> bytes:
    """Id and the rows' own columns. A cell that a row lacks stays empty, which Salesforce reads as "leave as it is"."""
    columns = list(dict.fromkeys(name for row in rows for name in row.cells))
    lines = [["Id", *columns], *([row.record_id, *(row.cells.get(name, "") for name in columns)] for row in rows)]
    return "".join(",".join(map(_cell, line)) + "\n" for line in lines).encode()


def _cell(text: str) -> str:
    """RFC 4180. The csv module's writer leaves a lone carriage return unquoted, which its reader then breaks at."""
    if any(special in text for special in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
