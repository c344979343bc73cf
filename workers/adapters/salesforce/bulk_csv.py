"""The CSV of Bulk API 2.0, both ways: comma, LF, RFC 4180 quoting and nothing else.

Values are never prefixed against spreadsheet formulas: that would change the customer's data.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Sequence

from workers.ports import IngestRow, RowOutcome

THREAD_ABOVE_BYTES = 64 * 1024
"""Parsing 50 KB took 3 ms (measured); much more would hold up every other team's stream."""

CELL_CHARACTERS = 400_000
"""Longest record that Bulk API 2.0 carries; the csv module stops at 131,072 by itself."""


INGEST_DELIMITER, INGEST_DELIMITER_NAME = "^", "CARET"
"""Of our update jobs. A job tells neither its client nor a name: this marks ours among those of other programs that use
the same Salesforce user, and no number or date holds it."""


QUOTED = re.compile(r'["\r\n]')
"""Of a line that holds one of these, or more delimiters than it should, every cell is quoted."""


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


async def parse_outcomes(body: bytes) -> list[RowOutcome]:
    """Rows of a result file. Large ones are parsed off the event loop."""
    if len(body) > THREAD_ABOVE_BYTES:
        return await asyncio.to_thread(outcomes, body)
    return outcomes(body)


def outcomes(body: bytes) -> list[RowOutcome]:
    """The uploaded Id is the key: sf__Id may be empty, and unprocessed rows have none. Read line by line, since a file
    may hold 200,000 rows. Raises ValueError or csv.Error for a file that is damaged."""
    csv.field_size_limit(CELL_CHARACTERS)
    text = io.TextIOWrapper(io.BytesIO(body.replace(b"\0", b"")), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=INGEST_DELIMITER, strict=True)
    header = next(reader, [])
    place = {name: number for number, name in enumerate(header)}
    key, error = place.get("Id", place.get("sf__Id", -1)), place.get("sf__Error")
    found = []
    for row in reader:
        if len(row) != len(header):
            raise ValueError("a row with another number of cells than the header")
        found.append(RowOutcome(row[key], (row[error] or None) if error is not None else None))
    return found


def csv_header(columns: Sequence[str]) -> bytes:
    return _line(["Id", *columns]).encode()


def csv_rows(columns: Sequence[str], rows: Sequence[IngestRow]) -> bytes:
    """A cell that a row lacks stays empty, which Salesforce reads as "leave as it is"."""
    return "".join(_line([row.record_id, *(row.cells.get(name, "") for name in columns)]) for row in rows).encode()


def _line(cells: Sequence[str]) -> str:
    """RFC 4180. The csv module's writer leaves a lone carriage return unquoted, which its reader then breaks at."""
    line = INGEST_DELIMITER.join(cells)
    if line.count(INGEST_DELIMITER) >= len(cells) or QUOTED.search(line):
        line = INGEST_DELIMITER.join('"' + text.replace('"', '""') + '"' for text in cells)
    return line + "\n"
