"""Whatever is uploaded is read as it was written or refused in Salesforce's words, and no row is lost between files."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.org.bulk.csv_text import (
    DELIMITERS,
    LINE_ENDINGS,
    MAX_CELL_CHARACTERS,
    Dialect,
    Upload,
    UploadError,
    cells_of,
    quoted_lines,
    read_upload,
)
from sandbox.org.bulk.ingest_run import IngestJob, IngestRun
from sandbox.org.bulk.query_run import ResultFile
from sandbox.org.bulk.results import FILES
from sandbox.org.config import OrgConfig
from sandbox.org.limits.allocations import Allocation
from sandbox.org.limits.rolling import RollingCount
from sandbox.org.store.org import Org

DIALECTS = st.builds(Dialect, st.sampled_from(sorted(DELIMITERS)), st.sampled_from(sorted(LINE_ENDINGS)))
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)
# What a reader stumbles over.
CRUMBS = st.text(st.sampled_from('",;|\t`^\r\n\ufeff#N/A éx0'), max_size=60)
HEADERS = st.sampled_from(
    ["LastName", "LastName,Email,Title", '"LastName","Account.Name"', "Id,LastName", "LastName;Email", "", "Nothing"]
)
OPERATIONS = st.sampled_from(["insert", "update", "upsert", "delete"])


def _read_or_refused(content: bytes, dialect: Dialect) -> tuple[Upload, list[str]] | None:
    refusal = ""
    try:
        upload = read_upload(content, dialect)
        return upload, list(upload.records)
    except UploadError as error:
        refusal = str(error)
    assert refusal.startswith(("InvalidBatch : ", "ClientInputError : "))
    return None


@settings(deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=8), DIALECTS)
def test_what_is_written_is_read(rows: list[list[str]], dialect: Dialect) -> None:
    content = "".join(quoted_lines(rows, dialect)).encode()
    upload = read_upload(content, dialect)
    assert [upload.columns, *cells_of(upload.records, dialect, 2)] == rows


@settings(deadline=None)
@given(CRUMBS, DIALECTS)
def test_records_are_readable_one_by_one_or_the_file_is_refused(text: str, dialect: Dialect) -> None:
    read = _read_or_refused(text.encode(), dialect)
    if read is None:
        return
    upload, records = read
    width = len(upload.columns)
    together = list(cells_of(records, dialect, width))
    assert together == [cells for record in records for cells in cells_of([record], dialect, width)]
    assert len(together) == len(records)
    assert all(len(cells) == width for cells in together)
    assert all(piece in text for piece in (upload.header_line, *records))


@settings(deadline=None)
@given(st.binary(max_size=80), DIALECTS)
def test_bytes_are_read_or_refused(content: bytes, dialect: Dialect) -> None:
    _read_or_refused(content, dialect)


@settings(deadline=None)
@given(st.integers(1, 3 * MAX_CELL_CHARACTERS), st.sampled_from(['"', ""]))
def test_long_cells(length: int, quote: str) -> None:
    content = f"LastName\n{quote}{'x' * length}{quote}\n".encode()
    assert (_read_or_refused(content, Dialect()) is None) is (length > MAX_CELL_CHARACTERS)


@settings(max_examples=150, deadline=None)
@given(HEADERS, CRUMBS, OPERATIONS)
def test_every_row_of_a_job_is_in_one_of_the_files(header: str, rows: str, operation: str) -> None:
    org = Org(OrgConfig(bulk_transaction_rows=2, bulk_internal_batch_rows=3))
    org.load("Contact", [{"LastName": "x"}])
    content = f"{header}\n{rows}"
    job = _job(org, operation, content)
    files = asyncio.run(_files(org, job))
    assert job.state in {"JobComplete", "Failed"}
    if job.state == "Failed":
        assert files["unprocessedrecords"] == content
        assert org.count("Contact") == 1
        return
    succeeded, failed = _read(files["successfulresults"]), _read(files["failedresults"])
    assert (len(succeeded), len(failed)) == (job.processed - job.failed, job.failed)
    upload = read_upload(content.encode(), Dialect())
    given = list(cells_of(upload.records, Dialect(), len(upload.columns)))
    assert len(given) == job.processed
    if not failed:
        assert Counter(map(tuple, given)) == Counter(tuple(cells[2:]) for cells in succeeded)
    assert all(cells[1] in {"true", "false"} and len(cells[0]) == 18 for cells in succeeded)
    assert all(":" in cells[1] and cells[1].endswith("--") for cells in failed)
    assert files["unprocessedrecords"] == f"{header}\n"


async def _files(org: Org, job: IngestJob) -> dict[str, str]:
    """Run the job; its result files."""
    await IngestRun(org, Allocation(100, RollingCount(org.clock))).process(job)
    files = {name: b"".join([piece async for piece in job.result_file(name)]).decode() for name in FILES}
    assert job.sealed.keys() == FILES.keys()
    assert not job.rows
    job.dispose()
    return files


def _job(org: Org, operation: str, content: str) -> IngestJob:
    key = org.objects()["Contact"].by_name["Email" if operation == "upsert" else "Id"]
    return IngestJob(
        org.ids.take("750"), operation, "Contact", org.admin_user_id, "62.0", Dialect(), org.clock, "UploadComplete",
        key=key, content=content.encode(),
    )  # fmt: skip


def _read(text: str) -> list[list[str]]:
    """The lines below the header."""
    return list(csv.reader(io.StringIO(text.split("\n", 1)[1], newline=""), strict=True))


@settings(deadline=None)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=30), st.integers(1, 7), DIALECTS)
def test_pages_of_an_answer_are_the_answer(rows: list[list[str]], page_rows: int, dialect: Dialect) -> None:
    file = ResultFile(dialect, ["A"])
    for start in range(0, len(rows), 4):
        file.append(rows[start : start + 4])
    header, *lines = quoted_lines([["A"], *rows], dialect)

    async def pages() -> list[bytes]:
        starts = range(0, max(len(rows), 1), page_rows)
        return [b"".join([piece async for piece in file.page(start, start + page_rows)]) for start in starts]

    found = asyncio.run(pages())
    assert all(page.startswith(header.encode()) for page in found)
    assert b"".join(page.removeprefix(header.encode()) for page in found) == "".join(lines).encode()
    assert (len(file), file.size_bytes) == (len(rows), len("".join(lines).encode()))
    file.close()
