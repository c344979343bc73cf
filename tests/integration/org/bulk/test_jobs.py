"""Bulk API 2.0 over HTTP: whole jobs, their files, and the change events they cause."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.integration.org.bulk.steps import DATA, INGEST, QUERY, call, contacts, finished, ingest, query_job, rows


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(contacts=30, leads=22, accounts=13, bulk_transaction_rows=20)) as running:
        yield running


@pytest.fixture
async def http(org: RunningOrg) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {org.access_token}"}
    async with aiohttp.ClientSession(org.base_url, headers=headers) as session:
        yield session


async def test_update_job_from_open_to_complete(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    body = {"object": "Contact", "operation": "update", "externalIdFieldName": ""}
    job = await call(http, "POST", INGEST, json=body)
    assert list(job) == [
        "id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "concurrencyMode",
        "contentType", "apiVersion", "contentUrl", "lineEnding", "columnDelimiter",
    ]  # fmt: skip
    assert (job["state"], job["apiVersion"], job["lineEnding"]) == ("Open", 62.0, "LF")
    assert job["contentUrl"] == f"services/data/v62.0/jobs/ingest/{job['id']}/batches"
    path = f"{INGEST}/{job['id']}"
    opened = await call(http, "GET", path)
    assert "numberRecordsProcessed" not in opened
    assert opened["jobType"] == "V2Ingest"
    record_id = contacts(org)[0]["Id"]
    await call(http, "PUT", f"{path}/batches", 201, data=f"Id,Engagement_Score__c\n{record_id},912260031\n")
    closing = await call(http, "PATCH", path, json={"state": "UploadComplete"})
    assert closing["state"] == "UploadComplete"
    assert "contentUrl" not in closing
    done = await finished(http, path)
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == ("JobComplete", 1, 0)
    text = await call(http, "GET", f"{path}/successfulResults/")
    assert (
        text == f'"sf__Id","sf__Created",Id,Engagement_Score__c\n"{record_id}","false","{record_id}","9.12260031E8"\n'
    )
    assert await call(http, "GET", f"{path}/failedResults") == '"sf__Id","sf__Error",Id,Engagement_Score__c\n'
    assert await call(http, "GET", f"{path}/unprocessedRecords") == "Id,Engagement_Score__c\n"
    stored = org.org.get("Contact", record_id)
    assert stored is not None
    assert stored["Engagement_Score__c"] == 912260031.0


async def test_empty_cells_are_ignored_and_na_clears(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    first, second = contacts(org)[:2]
    content = f'Id,Title,Department\n{first["Id"]},,#N/A\n{second["Id"][:15]},"a ""b"", c\nd",\n'
    _, done = await ingest(http, content)
    assert done["numberRecordsFailed"] == 0
    after_first, after_second = (org.org.get("Contact", one["Id"]) for one in (first, second))
    assert after_first is not None
    assert after_second is not None
    assert after_first["Title"] == first["Title"]
    assert "Department" not in after_first
    assert after_second["Title"] == 'a "b", c\nd'
    assert after_second["Department"] == second["Department"]


async def test_bad_rows_fail_alone(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    good, other = contacts(org)[:2]
    content = (
        f"Id,LastName,Email,Engagement_Score__c\n{good['Id']},Ok,,1\n{other['Id']},,not-an-email,2\n"
        "003000000000001AAA,X,,3\n,X,,4\n"
    )
    path, done = await ingest(http, content)
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == ("JobComplete", 4, 3)
    failed = {row["Engagement_Score__c"]: row for row in await rows(http, f"{path}/failedResults")}
    assert failed["2"]["sf__Error"] == "INVALID_EMAIL_ADDRESS:Email: invalid email address: not-an-email:Email --"
    assert failed["2"]["sf__Id"] == other["Id"]
    assert failed["3"]["sf__Error"] == "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"
    assert failed["4"]["sf__Error"] == "MISSING_ARGUMENT:Id not specified in an update call:--"
    assert [row["sf__Id"] for row in await rows(http, f"{path}/successfulResults")] == [good["Id"]]


async def test_insert_upsert_and_delete(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    content = "FirstName,LastName,Email\nNew,One,one@new.example\nNew,,two@new.example\n"
    path, done = await ingest(http, content, operation="insert")
    assert done["numberRecordsFailed"] == 1
    (made,) = await rows(http, f"{path}/successfulResults")
    assert (made["sf__Created"], made["LastName"]) == ("true", "One")
    (refused,) = await rows(http, f"{path}/failedResults")
    assert refused["sf__Id"] == ""
    assert refused["sf__Error"].startswith("REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --")

    content = (
        "Email|Title|Id|LastName\nONE@new.example|CEO||One\nthree@new.example|CTO||Three\nthree@new.example|X||Y\n"
    )
    settings = {"operation": "upsert", "externalIdFieldName": "Email", "columnDelimiter": "PIPE"}
    path, done = await ingest(http, content, **settings)
    assert done["externalIdFieldName"] == "Email"
    outcome = {row["Title"]: row["sf__Created"] for row in await rows(http, f"{path}/successfulResults", "|")}
    assert outcome == {"CEO": "false", "CTO": "true"}
    assert done["numberRecordsFailed"] == 1

    path, done = await ingest(http, f"Id\n{made['sf__Id']}\n", operation="delete")
    assert done["numberRecordsFailed"] == 0
    assert org.org.get("Contact", made["sf__Id"]) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Id,Foo__c\n1,2\n", "InvalidBatch : Field name not found : Foo__c"),
        ("\ufeffId,Title\n1,2\n", "InvalidBatch : Field name not found : \ufeffId"),
        (
            "Id,Title\r\n1,2\r\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        ('Id,Title\n1,2\n"3\n', "InvalidBatch : Failed to parse CSV. EOF reached before closing an opened quote"),
    ],
)
async def test_a_bad_file_fails_the_job_and_writes_nothing(
    http: aiohttp.ClientSession, org: RunningOrg, content: str, message: str
) -> None:
    entries = len(org.org.ledger)
    path, done = await ingest(http, content)
    assert (done["state"], done["errorMessage"]) == ("Failed", message)
    assert done["numberRecordsProcessed"] == 0
    assert len(org.org.ledger) == entries
    await call(http, "GET", f"{path}/unprocessedrecords")


async def test_events_carry_the_client_and_chunks_are_transactions(
    http: aiohttp.ClientSession, org: RunningOrg
) -> None:
    http.headers["Sforce-Call-Options"] = "client=SegmentSync"
    ids = [row["Id"] for row in contacts(org)]
    entries = len(org.org.ledger)
    lines = "".join(f"{record_id},{number}\n" for number, record_id in enumerate(ids))
    path, done = await ingest(http, f"Id,Engagement_Score__c\n{lines}")
    assert done["numberRecordsProcessed"] == len(ids) == 30
    written = list(org.org.ledger.after(entries, 1000))
    assert len({entry.transaction_key for entry in written}) == 2
    origins = {entry.actor.change_origin for entry in written if entry.actor}
    assert origins == {"com/salesforce/api/bulkapi/62.0;client=SegmentSync"}
    order = [row["sf__Id"] for row in await rows(http, f"{path}/successfulResults")]
    assert sorted(order) == sorted(ids)
    assert order != ids


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        ({}, "com/salesforce/api/bulkapi/62.0;client=closer"),
        ({"bulk_origin_api": "rest"}, "com/salesforce/api/rest/62.0;client=closer"),
        ({"bulk_origin_api": ""}, ""),
        ({"bulk_client_told_at": ("create",)}, "com/salesforce/api/bulkapi/62.0;client=creator"),
        (
            {"bulk_client_told_at": ("upload",), "bulk_client_ends_with_slash": True},
            "com/salesforce/api/bulkapi/62.0;client=uploader/",
        ),
        ({"bulk_client_told_at": ()}, "com/salesforce/api/bulkapi/62.0"),
    ],
)
async def test_which_request_names_the_client(settings: dict[str, Any], origin: str) -> None:
    def named(client: str) -> dict[str, str]:
        return {"Sforce-Call-Options": f"client={client}"}

    async with await serve(OrgConfig(**settings)) as org:
        headers = {"Authorization": f"Bearer {org.access_token}"}
        async with aiohttp.ClientSession(org.base_url, headers=headers) as http:
            body = {"object": "Contact", "operation": "insert"}
            job = await call(http, "POST", INGEST, json=body, headers=named("creator"))
            path = f"{INGEST}/{job['id']}"
            await call(http, "PUT", f"{path}/batches", 201, data="LastName\nX\n", headers=named("uploader"))
            await call(http, "PATCH", path, json={"state": "UploadComplete"}, headers=named("closer"))
            await finished(http, path)
        (written,) = [entry for entry in org.org.ledger.after(0) if entry.kind == "commit"]
        assert written.actor is not None
        assert written.actor.change_origin == origin


async def test_abort_keeps_what_was_written(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(contacts=20, bulk_processing_delay_seconds=0.3)) as org:
        headers = {"Authorization": f"Bearer {org.access_token}"}
        async with aiohttp.ClientSession(org.base_url, headers=headers) as client:
            job = await call(client, "POST", INGEST, json={"object": "Contact", "operation": "update"})
            path = f"{INGEST}/{job['id']}"
            await call(client, "PUT", f"{path}/batches", 201, data=f"Id,Title\n{contacts(org)[0]['Id']},X\n")
            await call(client, "PATCH", path, json={"state": "UploadComplete"})
            assert (await call(client, "PATCH", path, json={"state": "Aborted"}))["state"] == "Aborted"
            (error,) = await call(client, "PATCH", path, 400, json={"state": "Aborted"})
            assert error == {
                "errorCode": "INVALIDJOBSTATE",
                "message": "Aborting already Aborted Job not allowed",
            }
            await call(client, "DELETE", path, 204)
            await call(client, "GET", path, 404)


async def test_job_rules(http: aiohttp.ClientSession) -> None:
    job = await call(http, "POST", INGEST, json={"object": "contact", "operation": "insert"})
    path = f"{INGEST}/{job['id']}"
    await call(http, "DELETE", path, 400)
    await call(http, "PUT", f"{path}/batches", 201, data="LastName\nX\n")
    (error,) = await call(http, "PUT", f"{path}/batches", 400, data="LastName\nY\n")
    assert f"Found multiple contents for job: <{job['id']}>" in error["message"]
    listing = await call(http, "GET", INGEST)
    assert [one["id"] for one in listing["records"]] == [job["id"]]
    assert (listing["done"], listing["nextRecordsUrl"]) == (True, None)
    await call(http, "PATCH", path, 400, json={"state": "JobComplete"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"object": "Nope", "operation": "update"}, "INVALIDJOB"),
        ({"object": "Organization", "operation": "update"}, "INVALIDENTITY"),
        ({"object": "Contact", "operation": "merge"}, "API_ERROR"),
        ({"object": "Contact", "operation": "hardDelete"}, "FEATURENOTENABLED"),
        ({"object": "Contact", "operation": "upsert", "externalIdFieldName": "Title"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "update", "columnDelimiter": "SPACE"}, "API_ERROR"),
    ],
)
async def test_jobs_that_are_not_created(http: aiohttp.ClientSession, body: dict[str, str], code: str) -> None:
    (error,) = await call(http, "POST", INGEST, 400, json=body)
    assert error["errorCode"] == code


async def test_multipart_job(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    form = aiohttp.FormData()
    form.add_field("job", '{"object":"Lead","operation":"insert"}', content_type="application/json")
    form.add_field("content", "LastName,Company\nMulti,Part\n", filename="content", content_type="text/csv")
    job = await call(http, "POST", INGEST, data=form)
    assert job["state"] == "UploadComplete"
    assert (await finished(http, f"{INGEST}/{job['id']}"))["numberRecordsProcessed"] == 1
    assert any(row["LastName"] == "Multi" for row in org.org.rows("Lead"))


async def test_query_job(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    query = "SELECT Id, Name, Account.Name, AnnualRevenue__x FROM Contact"
    (error,) = await call(http, "POST", QUERY, 400, json={"operation": "query", "query": query})
    assert error["errorCode"] == "INVALID_FIELD"
    org.org.load("Lead", [{"LastName": "Odd", "Company": 'a "b", c\nd', "AnnualRevenue": 139000000.0}])
    query = (
        "SELECT Company, Rating, AnnualRevenue, IsConverted, CreatedDate, Owner.Alias FROM Lead WHERE LastName='Odd'"
    )
    path, job = await query_job(http, query)
    assert (job["jobType"], job["numberRecordsProcessed"], job["object"]) == ("V2Query", 1, "Lead")
    created = next(str(row["CreatedDate"]) for row in org.org.rows("Lead") if row["LastName"] == "Odd")
    created = created.replace("+0000", "Z")
    assert await call(http, "GET", f"{path}/results") == (
        '"Company","Rating","AnnualRevenue","IsConverted","CreatedDate","Owner.Alias"\n'
        f'"a ""b"", c\nd","","1.39E8","false","{created}","aadmin"\n'
    )


async def test_query_results_page_by_locator(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    path, _ = await query_job(http, "SELECT Id FROM Contact ORDER BY Id")
    ids: list[str] = []
    pages: list[str] = []
    locator = ""
    while locator != "null":
        params = {"maxRecords": "12"} | ({"locator": locator} if locator else {})
        async with http.get(f"{path}/results", params=params) as reply:
            assert reply.content_type == "text/csv"
            page = list(csv.DictReader(io.StringIO(await reply.text())))
            locator = reply.headers["Sforce-Locator"]
            pages.append(reply.headers["Sforce-NumberOfRecords"])
            ids += [row["Id"] for row in page]
    assert pages == ["12", "12", "6"]
    assert ids == sorted(str(row["Id"]) for row in org.org.rows("Contact"))
    await call(http, "GET", f"{path}/results?locator=bm9wZQ", 400)
    await call(http, "GET", f"{path.replace('62.0', '61.0')}/results", 409)


async def test_query_all_and_refusals(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    gone = contacts(org)[0]["Id"]
    await call(http, "DELETE", f"{DATA}/sobjects/Contact/{gone}", 204)
    path, _ = await query_job(http, "SELECT Id, IsDeleted FROM Contact", operation="queryAll")
    found = {row["Id"]: row["IsDeleted"] for row in await rows(http, f"{path}/results")}
    assert (len(found), found[gone]) == (30, "true")
    for query in ("SELECT COUNT() FROM Contact", "SELECT MailingAddress FROM Contact"):
        await call(http, "POST", QUERY, 400, json={"operation": "query", "query": query})


async def test_a_missing_parent_is_empty(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    org.org.load("Contact", [{"LastName": "Solo"}])
    query = "SELECT LastName, Account.Name, Account.IsDeleted FROM Contact WHERE LastName = 'Solo'"
    path, _ = await query_job(http, query)
    assert (await rows(http, f"{path}/results"))[0] == {
        "LastName": "Solo",
        "Account.Name": "",
        "Account.IsDeleted": "",
    }


async def test_hard_delete_passes_the_recycle_bin_for_who_may() -> None:
    async with await serve(OrgConfig(contacts=30, bulk_hard_delete_allowed=True)) as org:
        headers = {"Authorization": f"Bearer {org.access_token}"}
        async with aiohttp.ClientSession(org.base_url, headers=headers) as http:
            record_id = contacts(org)[0]["Id"]
            path, job = await ingest(http, f"Id\n{record_id}\n", operation="hardDelete")
            assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (1, 0)
            assert [row["sf__Id"] for row in await rows(http, f"{path}/successfulResults")] == [record_id]
        assert org.org.get("Contact", record_id, deleted=True) is None
