"""Jobs of Bulk API 2.0 as they were recorded (salesforce-shapes 6, salesforce 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.conformance.org.conftest import Caller, Reply
from tests.support.waiting import until

HEAD = '{"id":"750…","operation":"%s","object":"%s","createdById":"005…","createdDate":"<datetime>",'
STAMP = '"systemModstamp":"<datetime>","state":"%s",'
SHORT = '"concurrencyMode":"Parallel","contentType":"CSV","apiVersion":52.0'
FORMAT = '"lineEnding":"LF","columnDelimiter":"COMMA"'
TIMES = '"retries":0,"totalProcessingTime":0,"apiActiveProcessingTime":0,"apexProcessingTime":0'


@pytest.fixture
def caller_at_52(call: Caller) -> Caller:
    return replace(call, version="52.0")


def head(operation: str, state: str, object_name: str = "Account") -> str:
    return HEAD % (operation, object_name) + STAMP % state


async def ended(call: Caller, path: str) -> Reply:
    found: list[Reply] = []

    async def at_its_end() -> bool:
        found.append(await call("GET", path))
        return found[-1].json["state"] in {"JobComplete", "Failed"}

    await until(at_its_end)
    return found[-1]


async def ran(call: Caller, content: str, **job: Any) -> str:
    """The path of an ingest job that has ended."""
    path = f"/jobs/ingest/{(await call('POST', '/jobs/ingest', {'object': 'Account', **job})).json['id']}"
    assert (await call("PUT", f"{path}/batches", content.encode(), Content_Type="text/csv")).status == 201
    await call("PATCH", path, {"state": "UploadComplete"})
    await ended(call, path)
    return path


def untimed(text: str) -> str:
    """The reply of a job that ended at once or a little later."""
    fields = ("totalProcessingTime", "apiActiveProcessingTime")
    for name in fields:
        before, found, rest = text.partition(f'"{name}":')
        text = f"{before}{found}0{rest.lstrip('0123456789')}" if found else text
    return text


async def test_the_transcript_of_an_ingest_job(caller_at_52: Caller) -> None:
    """Shapes 6.1: the replies of each step of a v52 job."""
    call = caller_at_52
    account = await call.created("Account", Name="Old")
    created = await call("POST", "/jobs/ingest", {"object": "Account", "operation": "update"})
    url = '"contentUrl":"services/data/v52.0/jobs/ingest/750…/batches",'
    assert created.neutral == head("update", "Open") + SHORT + "," + url + FORMAT + "}"
    path = f"/jobs/ingest/{created.json['id']}"
    opened = await call("GET", path)
    assert untimed(opened.neutral) == (
        head("update", "Open") + SHORT + ',"jobType":"V2Ingest",' + url + FORMAT + "," + TIMES + "}"
    )
    uploaded = await call("PUT", f"{path}/batches", f"Id,Name\n{account},New\n".encode(), Content_Type="text/csv")
    assert (uploaded.status, uploaded.text) == (201, "")
    closed = await call("PATCH", path, {"state": "UploadComplete"})
    assert closed.neutral == head("update", "UploadComplete") + SHORT + "}"
    done = await ended(call, path)
    counters = ',"numberRecordsProcessed":1,"numberRecordsFailed":0,'
    assert untimed(done.neutral) == (
        head("update", "JobComplete") + SHORT + ',"jobType":"V2Ingest",' + FORMAT + counters + TIMES + "}"
    )


async def test_since_61_jobs_tell_of_chunking(call: Caller) -> None:
    """Shapes 6.1: v61+ ends with isPkChunkingSupported."""
    path = await ran(call, "Name\nX\n", operation="insert")
    assert (await call("GET", path)).text.endswith('"apexProcessingTime":0,"isPkChunkingSupported":false}')


async def test_an_upsert_tells_its_key_after_the_state(call: Caller) -> None:
    """Shapes 6.1: externalIdFieldName after state; by id in lower case."""
    job = await call("POST", "/jobs/ingest", {"object": "Account", "operation": "upsert", "externalIdFieldName": "Id"})
    assert '"state":"Open","externalIdFieldName":"id","concurrencyMode"' in job.text


async def test_an_aborted_job(call: Caller) -> None:
    """Shapes 6.1 and 6.4: the short form; aborting again is INVALIDJOBSTATE with errorCode first."""
    created = await call("POST", "/jobs/ingest", {"object": "Account", "operation": "insert"})
    path = f"/jobs/ingest/{created.json['id']}"
    aborted = await call("PATCH", path, {"state": "Aborted"})
    assert list(aborted.json)[-1] == "apiVersion"
    assert aborted.json["state"] == "Aborted"
    done = await ran(call, "Name\nX\n", operation="insert")
    assert (await call("PATCH", done, {"state": "Aborted"})).text == (
        '[{"errorCode":"INVALIDJOBSTATE","message":"Aborting already Completed Job not allowed"}]'
    )


async def test_failed_jobs(call: Caller) -> None:
    """Shapes 6.4: the messages of files that cannot be read."""
    ending = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is "
    for content, job, message in (
        ("Name,Foo__c\nX,1\n", {}, "InvalidBatch : Field name not found : Foo__c"),
        ("Name\r\nX\r\n", {}, f"{ending}LF"),
        ("Name\nX\n", {"lineEnding": "CRLF"}, f"{ending}CRLF"),
        ('Name\r\n"X\nY"\r\n', {"lineEnding": "CRLF"}, f"{ending}CRLF"),
        ("\ufeffName\nX\n", {}, "InvalidBatch : Field name not found : \ufeffName"),
    ):
        failed = await call("GET", await ran(call, content, operation="insert", **job))
        assert (failed.json["state"], failed.json["errorMessage"]) == ("Failed", message)


async def test_the_result_files(call: Caller) -> None:
    """Shapes 6.3: the header line as uploaded, quoted cells, errors with their fields; numbers in Java's form."""
    path = await ran(call, "Name,AnnualRevenue\nGood,912260031\n,1\n", operation="insert")
    good = await call("GET", f"{path}/successfulResults/")
    assert good.headers["Content-Type"].startswith("text/csv")
    assert good.neutral == '"sf__Id","sf__Created",Name,AnnualRevenue\n"001…","true","Good","9.12260031E8"\n'
    assert (await call("GET", f"{path}/failedResults/")).text == (
        '"sf__Id","sf__Error",Name,AnnualRevenue\n'
        '"","REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --","","1"\n'
    )
    for name in ("unprocessedrecords", "unprocessedRecords"):
        assert (await call("GET", f"{path}/{name}")).text == "Name,AnnualRevenue\n"


async def test_errors_of_rows_without_fields_end_with_two_hyphens(call: Caller) -> None:
    """Shapes 6.3: `ENTITY_IS_DELETED:entity is deleted:--`."""
    account = await call.created("Account", Name="Gone")
    await call("DELETE", f"/sobjects/Account/{account}")
    path = await ran(call, f'"Id"\n"{account}"\n"001000000000000AAA"\n', operation="delete")
    assert sorted((await call("GET", f"{path}/failedResults/")).text.splitlines()) == sorted(
        [
            '"sf__Id","sf__Error","Id"',
            f'"{account}","ENTITY_IS_DELETED:entity is deleted:--","{account}"',
            '"001000000000000AAA","INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--","001000000000000AAA"',
        ]
    )


async def test_the_list_of_jobs(caller_at_52: Caller) -> None:
    """Shapes 6.1: done, records, nextRecordsUrl."""
    call = caller_at_52
    await call("POST", "/jobs/ingest", {"object": "Account", "operation": "insert"})
    assert (await call("GET", "/jobs/ingest")).neutral == (
        '{"done":true,"records":['
        + head("insert", "Open")
        + SHORT
        + ',"jobType":"V2Ingest",'
        + FORMAT
        + '}],"nextRecordsUrl":null}'
    )


async def test_a_query_job(caller_at_52: Caller) -> None:
    """Shapes 6.2: UploadComplete first, the counters last; quoted cells, "null" as the last locator."""
    call = caller_at_52
    await call.created("Account", Name="X Inc")
    text = "SELECT Name, Phone FROM Account WHERE Name = 'X Inc'"
    created = await call("POST", "/jobs/query", {"operation": "query", "query": text})
    assert created.neutral == head("query", "UploadComplete") + SHORT + "," + FORMAT + "}"
    path = f"/jobs/query/{created.json['id']}"
    done = await ended(call, path)
    assert untimed(done.neutral) == (
        head("query", "JobComplete") + SHORT + ',"jobType":"V2Query",' + FORMAT
        + ',"numberRecordsProcessed":1,"retries":0,"totalProcessingTime":0}'
    )  # fmt: skip
    results = await call("GET", f"{path}/results")
    assert results.text == '"Name","Phone"\n"X Inc",""\n'
    assert results.headers["Sforce-Locator"] == "null"
    assert results.headers["Sforce-NumberOfRecords"] == "1"
    assert (await call("GET", f"/services/data/v53.0{path}/results")).status == 409


async def test_a_locator_is_base64(call: Caller) -> None:
    """Shapes 6.2: `MTAwMDA` for 10000."""
    call.org.org.load("Contact", [{"LastName": "Many"}] * 10_001)
    body = {"operation": "query", "query": "SELECT LastName FROM Contact WHERE LastName = 'Many'"}
    path = f"/jobs/query/{(await call('POST', '/jobs/query', body)).json['id']}"
    await ended(call, path)
    assert (await call("GET", f"{path}/results?maxRecords=10000")).headers["Sforce-Locator"] == "MTAwMDA"
    rest = await call("GET", f"{path}/results?locator=MTAwMDA")
    assert (rest.headers["Sforce-Locator"], rest.headers["Sforce-NumberOfRecords"]) == ("null", "1")


async def test_a_job_that_is_not_there(call: Caller) -> None:
    """Shapes 6.4."""
    assert (await call("GET", "/jobs/ingest/750000000000000AAA")).text == (
        '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]'
    )
