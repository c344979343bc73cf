from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.adapters.salesforce.bulk_csv import THREAD_ABOVE_BYTES, ingest_csv, outcomes, parse_rows, rows_of
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
    failed = rows_of(b'"sf__Id","sf__Error",Id,Score\n"","ENTITY_IS_DELETED:entity is deleted:--","003A","1"\n')
    assert outcomes(failed) == [RowOutcome("003A", "ENTITY_IS_DELETED:entity is deleted:--")]
    succeeded = rows_of(b'"sf__Id","sf__Created",Id,Score\n"003A","false","003A","9.12260031E8"\n')
    assert outcomes(succeeded) == [RowOutcome("003A")]
    assert outcomes(rows_of(b"Id,Score\n003A,1\n")) == [RowOutcome("003A")]


def test_an_upload_has_one_header_and_lf_ends() -> None:
    rows = [
        IngestRow("003A", {"Engagement_Score__c": "42.5", "Last_Engagement_Date__c": "2026-02-03"}),
        IngestRow("003B", {"Engagement_Score__c": "#N/A"}),
    ]
    assert ingest_csv(rows) == b"Id,Engagement_Score__c,Last_Engagement_Date__c\n003A,42.5,2026-02-03\n003B,#N/A,\n"


# A lone carriage return is written unquoted by nobody's standard; Salesforce fields hold none on the way out.
cells = st.dictionaries(
    st.sampled_from(["A", "B", "C"]), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)


@given(st.lists(st.builds(IngestRow, st.text("0aZ", min_size=18, max_size=18), cells), min_size=1))
def test_what_is_written_is_what_is_read(rows: list[IngestRow]) -> None:
    read = rows_of(ingest_csv(rows))
    assert [row.pop("Id") for row in read] == [row.record_id for row in rows]
    assert [{k: v for k, v in row.items() if v} for row in read] == [
        {k: v for k, v in row.cells.items() if v} for row in rows
    ]
