"""Bulk API 2.0 against a real transcript and the guide (salesforce.md 5, salesforce-shapes 6)."""

from __future__ import annotations

from typing import Any

from tests.conformance.org.conftest import Caller, Reply
from tests.support.waiting import until

CLOSED = "id operation object createdById createdDate systemModstamp state concurrencyMode contentType apiVersion"
CREATED = f"{CLOSED} contentUrl lineEnding columnDelimiter"
FINISHED = f"{CLOSED} jobType lineEnding columnDelimiter numberRecordsProcessed numberRecordsFailed retries "


async def made(call: Caller, **given: object) -> dict[str, Any]:
    reply = await call("POST", "/jobs/ingest", {"object": "Contact", "operation": "insert"} | given)
    assert reply.status == 200
    body: dict[str, Any] = reply.json
    return body


async def uploaded(call: Caller, text: str, **given: object) -> str:
    """The id of a job that has ended."""
    job_id = str((await made(call, **given))["id"])
    assert (await put(call, job_id, text)).status == 201
    await call("PATCH", f"/jobs/ingest/{job_id}", {"state": "UploadComplete"})
    await ended(call, f"/jobs/ingest/{job_id}")
    return job_id


async def put(call: Caller, job_id: str, text: str) -> Reply:
    return await call("PUT", f"/jobs/ingest/{job_id}/batches", text.encode(), Content_Type="text/csv")


async def ended(call: Caller, path: str) -> None:
    async def over() -> bool:
        return (await call("GET", path)).json["state"] in {"JobComplete", "Failed"}

    await until(over)


async def test_a_job_from_creation_to_its_end(call: Caller) -> None:
    """Shapes 6.1: a new job has no jobType and no counters; apiVersion is a number; contentUrl has no leading slash."""
    job = await made(call)
    assert list(job) == CREATED.split()
    assert (job["state"], job["apiVersion"], job["id"][:3]) == ("Open", 62.0, "750")
    assert job["contentUrl"] == f"services/data/v62.0/jobs/ingest/{job['id']}/batches"
    path = f"/jobs/ingest/{job['id']}"
    upload = await put(call, job["id"], "LastName,Email\nA,a@conformance.example\n,\n")
    assert (upload.status, upload.text) == (201, "")
    closed = (await call("PATCH", path, {"state": "UploadComplete"})).json
    assert (list(closed), closed["state"]) == (CLOSED.split(), "UploadComplete")
    await ended(call, path)
    finished = (await call("GET", path)).json
    assert list(finished)[: len(FINISHED.split())] == FINISHED.split()
    assert (finished["numberRecordsProcessed"], finished["numberRecordsFailed"]) == (2, 1)


async def test_result_files(call: Caller) -> None:
    """Shapes 6.3: the uploaded header as it was, every cell in quotes, the error with its code and fields."""
    job_id = await uploaded(call, 'LastName,"Email"\nA,a@conformance.example\n,b@conformance.example\n')
    files = {}
    for name in ("successfulResults", "failedResults", "unprocessedrecords"):
        reply = await call("GET", f"/jobs/ingest/{job_id}/{name}/")
        assert reply.headers["Content-Type"].startswith("text/csv")
        files[name] = reply.neutral
    assert files["successfulResults"] == (
        '"sf__Id","sf__Created",LastName,"Email"\n"003…","true","A","a@conformance.example"\n'
    )
    assert files["failedResults"] == (
        '"sf__Id","sf__Error",LastName,"Email"\n'
        '"","REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --","","b@conformance.example"\n'
    )
    assert files["unprocessedrecords"] == 'LastName,"Email"\n'


async def test_a_column_that_is_none(call: Caller) -> None:
    """Shapes 6.4: the job fails and no row is written; also for a byte order mark before the first name."""
    for text, name in (("LastName,Foo__c\nA,1\n", "Foo__c"), ("\ufeffLastName\nA\n", "\ufeffLastName")):
        job_id = await uploaded(call, text)
        job = (await call("GET", f"/jobs/ingest/{job_id}")).json
        assert (job["state"], job["errorMessage"]) == ("Failed", f"InvalidBatch : Field name not found : {name}")


async def test_another_line_ending_than_said(call: Caller) -> None:
    """Answers 1."""
    before = call.org.org.count("Contact")
    for said, text in (("LF", "LastName\r\nA\r\n"), ("CRLF", "LastName\nA\n")):
        job = (await call("GET", f"/jobs/ingest/{await uploaded(call, text, lineEnding=said)}")).json
        reason = f"LineEnding is invalid on user data. Current LineEnding setting is {said}"
        assert (job["state"], job["errorMessage"]) == ("Failed", f"ClientInputError : {reason}")
    assert call.org.org.count("Contact") == before


async def test_a_second_upload(call: Caller) -> None:
    """Answers 1."""
    job_id = str((await made(call))["id"])
    await put(call, job_id, "LastName\nA\n")
    reply = await put(call, job_id, "LastName\nB\n")
    assert reply.status == 400
    assert "Found multiple contents for job" in reply.json[0]["message"]


async def test_jobs_that_are_not_there_or_over(call: Caller) -> None:
    """Shapes 6.4."""
    missing = await call("GET", "/jobs/ingest/750000000000001AAA")
    assert (missing.status, missing.json[0]["errorCode"]) == (404, "NOT_FOUND")
    job_id = await uploaded(call, "LastName\nA\n")
    over = await call("PATCH", f"/jobs/ingest/{job_id}", {"state": "Aborted"})
    assert over.text == ('[{"errorCode":"INVALIDJOBSTATE","message":"Aborting already Completed Job not allowed"}]')
    assert (await call("DELETE", f"/jobs/ingest/{job_id}")).status == 204
    assert (await call("GET", f"/jobs/ingest/{job_id}")).status == 404


async def test_cells_that_say_nothing_or_null(call: Caller) -> None:
    """salesforce.md 5.1: an empty cell is ignored, #N/A clears; cells are not trimmed."""
    record_id = await call.created("Contact", LastName="A", Title="T", Department="D")
    await uploaded(call, f"Id,Title,Department,FirstName\n{record_id},,#N/A,  x \n", operation="update")
    row = (await call("GET", f"/sobjects/Contact/{record_id}")).json
    assert (row["Title"], row["Department"], row["FirstName"].strip()) == ("T", None, "x")


async def test_a_query_job(call: Caller) -> None:
    """Shapes 6.2: everything in quotes, locators until the word null; another version than the job's is a conflict."""
    job = (await call("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id, Name, Fax FROM Contact"})).json
    assert list(job) == [name for name in CREATED.split() if name != "contentUrl"]
    assert job["state"] == "UploadComplete"
    path = f"/jobs/query/{job['id']}"
    await ended(call, path)
    assert (await call("GET", path)).json["jobType"] == "V2Query"
    first = await call("GET", f"{path}/results?maxRecords=20")
    assert first.headers["Sforce-NumberOfRecords"] == "20"
    assert first.text.splitlines()[0] == '"Id","Name","Fax"'
    assert first.neutral.splitlines()[1].startswith('"003…","')
    last = await call("GET", f"{path}/results?maxRecords=20000&locator={first.headers['Sforce-Locator']}")
    assert last.headers["Sforce-Locator"] == "null"
    total = call.org.org.count("Contact")
    assert len(first.text.splitlines()) + len(last.text.splitlines()) - 2 == total
    assert (await call("GET", f"/services/data/v61.0{path}/results")).status == 409
