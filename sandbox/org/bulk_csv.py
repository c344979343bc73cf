"""CSV as Bulk API 2.0 reads and writes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


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
    """An uploaded file: the header line as it was written, the column names, and the rows to come."""

    header_line: str
    columns: list[str]
    rows: Iterator[list[str]]


def read_upload(content: bytes, dialect: Dialect) -> Upload:
    """Read the header; rows follow lazily and may still raise UploadError.

    Raises:
        UploadError: wrong line endings or encoding, or no header at all.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise UploadError("InvalidBatch : Failed to parse CSV: the file is not UTF-8") from None
    _check_line_endings(text, dialect)
    rows = _rows(text, dialect)
    columns = next(rows, None)
    if columns is None:
        raise UploadError("InvalidBatch : Failed to parse CSV header")
    return Upload(text.split(dialect.newline, 1)[0], columns, rows)


def _check_line_endings(text: str, dialect: Dialect) -> None:
    """A line break inside a quoted cell trips this too, as reported from real orgs."""
    wrong = "\r\n" in text if dialect.line_ending == "LF" else "\n" in text.replace("\r\n", "")
    if wrong:
        message = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is "
        raise UploadError(message + dialect.line_ending)


def _rows(text: str, dialect: Dialect) -> Iterator[list[str]]:
    """Non-empty rows, all of the header's width: short ones are filled up."""
    width = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, strict=True):
            if not row:
                continue
            width = width or len(row)
            if len(row) > width:
                raise UploadError(f"InvalidBatch : Failed to parse CSV: {len(row)} cells under {width} columns")
            yield row + [""] * (width - len(row))
    except csv.Error as error:
        raise UploadError(f"InvalidBatch : Failed to parse CSV: {error}") from None


def quoted_line(cells: Iterable[str], delimiter: str = ",", newline: str = "\n") -> str:
    """One row with every cell in double quotes."""
    return delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells) + newline
