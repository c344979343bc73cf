"""CSV as Bulk API 2.0 reads and writes it.

The texts of errors are those of Salesforce's own reader, `com.sforce.async.CSVReader` of its Web Service Connector,
in the form in which failed jobs were seen to show them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
# Bulk API 2.0 guide, "Limits for Ingest Jobs".
MAX_CELL_CHARACTERS = 32_000
MAX_RECORD_CHARACTERS = 400_000
MAX_COLUMNS = 5_000

_UNESCAPED = "Found unescaped quote. A value with quote should be within a quote"
_UNCLOSED = "EOF reached before closing an opened quote"
_TRAILING = "Not expecting more text after end quote"


class UploadError(ValueError):
    """The upload as a whole cannot be read; the message is the job's `errorMessage`."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Names as in the job: COMMA, LF."""

    column_delimiter: str = "COMMA"
    line_ending: str = "LF"

    @property
    def delimiter(self) -> str:
        return DELIMITERS[self.column_delimiter]

    @property
    def newline(self) -> str:
        return LINE_ENDINGS[self.line_ending]


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file: the header line as it was written, the column names, and the records to come."""

    header_line: str
    columns: list[str]
    # As they were written, with their line endings; all known to be readable by `cells_of`.
    records: Iterator[str]


def read_upload(content: bytes, dialect: Dialect) -> Upload:
    """Read the header; records follow lazily and may still raise UploadError.

    Raises:
        UploadError: wrong line endings, no header at all, or one that cannot be read.
    """
    _check_line_endings(content, dialect)
    records = _records(content, dialect)
    first = next(records, None)
    if first is None:
        raise UploadError("InvalidBatch : Records not found")
    raw, columns = first
    return Upload(raw.rstrip("\r\n"), columns, _narrow_enough(records, len(columns)))


def cells_of(records: Iterable[str], dialect: Dialect, width: int) -> Iterator[list[str]]:
    """The cells of records that were read before; short ones are filled up to the header's width."""
    for cells in csv.reader(records, delimiter=dialect.delimiter):
        yield cells + [""] * (width - len(cells)) if len(cells) < width else cells


def _check_line_endings(content: bytes, dialect: Dialect) -> None:
    """A line break inside a quoted cell trips this too, as reported from real orgs."""
    crlf = content.count(b"\r\n")
    if crlf if dialect.line_ending == "LF" else content.count(b"\n") > crlf:
        message = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is "
        raise UploadError(message + dialect.line_ending)


def _narrow_enough(records: Iterator[tuple[str, list[str]]], width: int) -> Iterator[str]:
    for raw, cells in records:
        if len(cells) > width:
            raise _unreadable(f"Found {len(cells)} cells under {width} columns")
        yield raw


@dataclass(slots=True)
class _Lines:
    """Lines of a text, which remembers those that the reader took for its current record."""

    lines: Iterator[str]
    taken: list[str] = field(default_factory=list)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.taken.append(line)
        return line

    def record(self) -> str:
        raw = self.taken[0] if len(self.taken) == 1 else "".join(self.taken)
        self.taken.clear()
        return raw


def _records(content: bytes, dialect: Dialect) -> Iterator[tuple[str, list[str]]]:
    """Records that are not blank: as they were written, and their cells.

    The text is decoded line by line, because a whole upload as text is up to four times as large.
    """
    lines = _Lines(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline=""))
    well_quoted = _well_quoted(dialect.delimiter)
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    try:
        for cells in reader:
            raw = lines.record()
            if '"' in raw and not well_quoted(raw):
                raise _unreadable(_UNESCAPED)
            if len(raw) > MAX_CELL_CHARACTERS or len(cells) > MAX_COLUMNS:
                _check_sizes(cells)
            if cells and cells != [""]:
                yield raw, cells
    except csv.Error as error:
        raise _unreadable(_text_of(str(error))) from None
    except UnicodeDecodeError:
        raise _unreadable("The file is not UTF-8") from None


def _well_quoted(delimiter: str) -> Callable[[str], object]:
    """Tells whether quotes only stand around whole cells, or doubled inside of such."""
    separator = re.escape(delimiter)
    cell = rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{separator}\r\n]*+)'
    return re.compile(rf"{cell}(?:{separator}{cell})*+[\r\n]*").fullmatch


def _check_sizes(cells: list[str]) -> None:
    if len(cells) > MAX_COLUMNS:
        raise _unreadable(f"Exceeded max number of columns per record : {MAX_COLUMNS}")
    longest, whole = max(map(len, cells)), sum(map(len, cells))
    if longest > MAX_CELL_CHARACTERS:
        raise _unreadable(f"Exceeded max field size: {longest}")
    if whole > MAX_RECORD_CHARACTERS:
        rule = f"Max length for one record should be less than or equal to {MAX_RECORD_CHARACTERS}"
        raise _unreadable(f"Exceeded max length for one record: {whole}. {rule}")


def _text_of(error: str) -> str:
    """Salesforce's words for what Python's reader found."""
    if "unexpected end of data" in error:
        return _UNCLOSED
    if "expected after" in error:
        return _TRAILING
    if "field larger than" in error:
        return "Exceeded max field size: " + error.split("(")[-1].rstrip(")")
    return error


def _unreadable(why: str) -> UploadError:
    return UploadError(f"InvalidBatch : Failed to parse CSV. {why}")


def quoted_lines(rows: Iterable[Iterable[str | None]], dialect: Dialect) -> list[str]:
    """Rows as lines with every cell in double quotes; a null is an empty cell."""
    lines = _Sink()
    csv.writer(lines, delimiter=dialect.delimiter, lineterminator=dialect.newline, quoting=csv.QUOTE_ALL).writerows(
        rows
    )
    return lines.lines


class _Sink:
    """What a CSV writer writes to: one string a row."""

    __slots__ = ("lines", "write")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.write = self.lines.append
