"""CSV of Bulk API 2.0: what is read, what is refused, how cells are quoted."""

from __future__ import annotations

import pytest

from sandbox.org.bulk.csv_text import Dialect, UploadError, cells_of, quoted_lines, read_upload
from sandbox.org.values.java_text import java_date, java_double


def read(content: str | bytes, dialect: Dialect | None = None) -> tuple[list[str], list[list[str]]]:
    data = content.encode() if isinstance(content, str) else content
    dialect = dialect or Dialect()
    upload = read_upload(data, dialect)
    return upload.columns, list(cells_of(upload.records, dialect, len(upload.columns)))


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("Id,Name\n1,x\n", [["1", "x"]]),
        ("Id,Name\n1,x", [["1", "x"]]),
        ('Id,Name\n1,"a ""b"", c\nd"\n\n2\n', [["1", 'a "b", c\nd'], ["2", ""]]),
        ("Id,Name\n1,  x \n", [["1", "  x "]]),  # values are not trimmed
        ("Id,Name\n", []),
    ],
)
def test_read(content: str, rows: list[list[str]]) -> None:
    assert read(content) == (["Id", "Name"], rows)


@pytest.mark.parametrize(
    ("name", "character"),
    [("BACKQUOTE", "`"), ("CARET", "^"), ("PIPE", "|"), ("SEMICOLON", ";"), ("TAB", "\t")],
)
def test_delimiters(name: str, character: str) -> None:
    content = f"Id{character}Name\r\n1{character}a,b\r\n"
    assert read(content, Dialect(name, "CRLF")) == (["Id", "Name"], [["1", "a,b"]])


def test_a_byte_order_mark_stays_in_the_first_name() -> None:
    assert read("\ufeffId,Name\n")[0] == ["\ufeffId", "Name"]


@pytest.mark.parametrize(
    ("content", "dialect", "message"),
    [
        (b"Id\r\n1\r\n", Dialect(), ("ClientInputError : LineEnding is invalid on user data. "
                                    "Current LineEnding setting is LF")),
        (b"Id\n1\n", Dialect(line_ending="CRLF"), "Current LineEnding setting is CRLF"),
        (b'Id\r\n"a\nb"\r\n', Dialect(line_ending="CRLF"), "Current LineEnding setting is CRLF"),
        (b"Id\n\xff\n", Dialect(), "InvalidBatch : .*UTF-8"),
        (b"", Dialect(), "InvalidBatch : Records not found"),
        (b"\n\n", Dialect(), "InvalidBatch : Records not found"),
        (b"Id\n1,2\n", Dialect(), "InvalidBatch : .*2 cells under 1 columns"),
        (b'Id\n"1"x\n', Dialect(), "Not expecting more text after end quote"),
        (b'Id\n"1\n', Dialect(), "EOF reached before closing an opened quote"),
        (b'Id\n1x"\n', Dialect(), "Found unescaped quote. A value with quote should be within a quote"),
        (b'\xef\xbb\xbf"Id"\n1\n', Dialect(), "Found unescaped quote. A value with quote should be within a quote"),
        (b"Id\n" + b"x" * 32_001, Dialect(), "Exceeded max field size: 32001"),
        (b'Id\n"' + b"x" * 200_000 + b'"', Dialect(), "Exceeded max field size"),
        (b"A" + b",B" * 5_000, Dialect(), "Exceeded max number of columns per record : 5000"),
        (b",".join([b"C"] * 20) + b"\n" + b",".join([b"x" * 30_000] * 20), Dialect(), "one record: 600000"),
    ],
)  # fmt: skip
def test_refused(content: bytes, dialect: Dialect, message: str) -> None:
    with pytest.raises(UploadError, match=message):
        read(content, dialect)


def test_every_cell_is_quoted() -> None:
    assert quoted_lines([[None, "", 'a"b', "c,d"], ["x"]], Dialect()) == ['"","","a""b","c,d"\n', '"x"\n']
    assert quoted_lines([["x", "y"]], Dialect("PIPE", "CRLF")) == ['"x"|"y"\r\n']


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (42, "42.0"),
        (-12.5, "-12.5"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (9_999_999, "9999999.0"),
        (10_000_000, "1.0E7"),
        (912_260_031, "9.12260031E8"),
        (12_345_678.9, "1.23456789E7"),
    ],
)
def test_java_double(value: float, text: str) -> None:
    assert java_double(value) == text


def test_java_date() -> None:
    assert java_date("2018-06-21T17:39:11.000+0000") == "Thu Jun 21 17:39:11 GMT 2018"
