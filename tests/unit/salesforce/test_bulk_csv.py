from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.adapters.salesforce.bulk_csv import (
    INGEST_DELIMITER,
    THREAD_ABOVE_BYTES,
    csv_header,
    csv_rows,
    outcomes,
    parse_outcomes,
    parse_rows,
    rows_of,
)
from workers.ports import IngestRow, RowOutcome


def test_a_page_of_query_results() -> None:
    body = '"Id","Name","Phone"\n"001A","X ""Inc"", Söhne\nGmbH",""\n'.encode()
    assert rows_of(body) == [{"Id": "001A", "Name": 'X "Inc", Söhne\nGmbH', "Phone": ""}]


def test_an_empty_result_has_only_a_header() -> None:
    assert rows_of(b'"sf__Id","sf__Created",Id\n') == []
    assert rows_of(b"") == []


def test_a_byte_order_mark_and_nul_characters_are_dropped() -> None:
    assert rows_of(b'\xef\xbb\xbf"Id","Name"\n"1","a\x00b"\n') == [{"Id": "1", "Name": "ab"}]


def test_a_text_longer_than_the_csv_module_expects() -> None:
    assert len(rows_of(b'"Id"\n"' + b"x" * 200_000 + b'"\n')[0]["Id"]) == 200_000


@pytest.mark.parametrize("body", [b'"Id","Name"\n"1"\n', b'"Id"\n"1","2"\n', b'"Id"\n"1\n', b'"Id"\n"\xff"\n'])
def test_a_damaged_file_is_not_guessed_at(body: bytes) -> None:
    with pytest.raises((ValueError, csv.Error)):
        rows_of(body)


async def test_large_bodies_are_read_the_same() -> None:
    body = b'"Id"\n' + b'"0123456789"\n' * (THREAD_ABOVE_BYTES // 10)
    assert await parse_rows(body) == rows_of(body)


def test_rows_are_known_by_the_uploaded_id() -> None:
    failed = b'"sf__Id"^"sf__Error"^Id^Score\n""^"ENTITY_IS_DELETED:entity is deleted:--"^"003A"^"1"\n'
    assert outcomes(failed) == [RowOutcome("003A", "ENTITY_IS_DELETED:entity is deleted:--")]
    succeeded = b'"sf__Id"^"sf__Created"^Id^Score\n"003A"^"false"^"003A"^"9.12260031E8"\n'
    assert outcomes(succeeded) == [RowOutcome("003A")]
    assert outcomes(b"Id^Score\n003A^1\n") == [RowOutcome("003A")]
    assert outcomes(b"") == []


@pytest.mark.parametrize("body", [b'"Id"^"Name"\n"1"\n', b'"Id"\n"1"^"2"\n', b'"Id"\n"1\n', b'"Id"\n"\xff"\n'])
def test_a_damaged_result_file_is_not_guessed_at(body: bytes) -> None:
    with pytest.raises((ValueError, csv.Error)):
        outcomes(body)


async def test_large_result_files_are_read_the_same() -> None:
    body = b'"Id"^"sf__Error"\n' + b'"0123456789"^"A:\nb:--"\n' * (THREAD_ABOVE_BYTES // 10)
    assert await parse_outcomes(body) == outcomes(body)


def test_an_upload_has_one_header_and_lf_ends() -> None:
    rows = [
        IngestRow("003A", {"Engagement_Score__c": "42.5", "Last_Engagement_Date__c": "2026-02-03"}),
        IngestRow("003B", {"Engagement_Score__c": "#N/A"}),
    ]
    columns = ["Engagement_Score__c", "Last_Engagement_Date__c"]
    assert csv_header(columns) == b"Id^Engagement_Score__c^Last_Engagement_Date__c\n"
    assert csv_rows(columns, rows) == b"003A^42.5^2026-02-03\n003B^#N/A^\n"


# A lone carriage return is written unquoted by nobody's standard; Salesforce fields hold none on the way out.
cells = st.dictionaries(
    st.sampled_from(["A", "B", "C"]), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)


@given(st.lists(st.builds(IngestRow, st.text("0aZ", min_size=18, max_size=18), cells), min_size=1))
def test_what_is_written_is_what_is_read(rows: list[IngestRow]) -> None:
    columns = ["A", "B", "C"]
    content = (csv_header(columns) + csv_rows(columns, rows)).decode()
    header, *lines = csv.reader(io.StringIO(content, newline=""), delimiter=INGEST_DELIMITER, strict=True)
    assert header == ["Id", *columns]
    assert lines == [[row.record_id, *(row.cells.get(name, "") for name in columns)] for row in rows]
