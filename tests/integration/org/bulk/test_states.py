"""The states of Bulk jobs: what each allows, what it refuses in which words, and the list of all jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.faults.plan import FaultSpec
from sandbox.org.server import RunningOrg, serve
from tests.integration.org.bulk.steps import DATA, INGEST, QUERY, call, finished, ingest, query_job, rows
from tests.support.waiting import until


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(contacts=3, bulk_transaction_rows=2, bulk_internal_batch_rows=4)) as running:
        yield running


async def opened(http: aiohttp.ClientSession, **settings: str) -> str:
    job = await call(http, "POST", INGEST, json={"object": "Lead", "operation": "insert"} | settings)
    return f"{INGEST}/{job['id']}"


async def started(http: aiohttp.ClientSession, content: str, **settings: str) -> str:
    path = await opened(http, **settings)
    await call(http, "PUT", f"{path}/batches", 201, data=content)
    await call(http, "PATCH", path, json={"state": "UploadComplete"})
    return path


async def refused(http: aiohttp.ClientSession, method: str, path: str, **arguments: Any) -> str:
    (error,) = await call(http, method, path, 400, **arguments)
    assert list(error) == ["errorCode", "message"]
    assert error["errorCode"] == "INVALIDJOBSTATE"
    return str(error["message"])


async def in_progress(http: aiohttp.ClientSession, path: str) -> None:
    async def working() -> bool:
        return bool((await call(http, "GET", path))["state"] == "InProgress")

    await until(working)


async def test_an_open_job(http: aiohttp.ClientSession) -> None:
    path = await opened(http)
    assert await refused(http, "DELETE", path) == "Deleting a job in state Open is not allowed"
    await refused(http, "GET", f"{path}/successfulResults")
    (error,) = await call(http, "PATCH", path, 400, json={"state": "InProgress"})
    assert error == {"errorCode": "API_ERROR", "message": "Invalid value: 'InProgress' supplied for property: 'state'"}
    assert (await call(http, "PATCH", path, json={"state": "Aborted"}))["state"] == "Aborted"
    assert await refused(http, "PUT", f"{path}/batches", data="LastName\nX\n") == (
        "Uploading to already Aborted Job not allowed"
    )
    assert await refused(http, "PATCH", path, json={"state": "UploadComplete"}) == (
        "Closing already Aborted Job not allowed"
    )


async def test_a_job_that_is_aborted_during_its_upload(http: aiohttp.ClientSession) -> None:
    path, sent = await opened(http), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"LastName,Company\n"
        sent.set()
        await aborted.wait()
        yield b"X,Y\n"

    aborted = asyncio.Event()
    upload = asyncio.create_task(refused(http, "PUT", f"{path}/batches", data=slowly()))
    await sent.wait()
    await call(http, "PATCH", path, json={"state": "Aborted"})
    aborted.set()
    assert await upload == "Uploading to already Aborted Job not allowed"


async def test_a_complete_job(http: aiohttp.ClientSession) -> None:
    path, _ = await ingest(http, "LastName,Company\nX,Y\n", object="Lead", operation="insert")
    aborting = await refused(http, "PATCH", path, json={"state": "Aborted"})
    assert aborting == "Aborting already Completed Job not allowed"
    closing = await refused(http, "PATCH", path, json={"state": "UploadComplete"})
    assert closing == "Closing already Completed Job not allowed"
    await call(http, "DELETE", path, 204)
    await call(http, "GET", path, 404)
    await call(http, "GET", f"{path}/successfulResults", 404)


async def test_a_running_job_is_aborted_where_it_is(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    org.org.plan(FaultSpec("slow-job", where={"batch": "2"}, settings={"seconds": 3600}))
    lines = [f"L{number},Co" for number in range(10)]
    path = await started(http, "LastName,Company\n" + "\n".join(lines))

    async def first_batch_done() -> bool:
        return bool((await call(http, "GET", path)).get("numberRecordsProcessed") == 4)

    await until(first_batch_done)
    assert await refused(http, "DELETE", path) == "Deleting a job in state InProgress is not allowed"
    assert await refused(http, "PATCH", path, json={"state": "UploadComplete"}) == (
        "Closing already closed Job not allowed"
    )
    await call(http, "PATCH", path, json={"state": "Aborted"})
    job = await call(http, "GET", path)
    assert (job["state"], job["numberRecordsProcessed"]) == ("Aborted", 4)
    written = await rows(http, f"{path}/successfulResults")
    left = await call(http, "GET", f"{path}/unprocessedrecords")
    assert sorted([f"{row['LastName']},Co" for row in written] + left.splitlines()[1:]) == sorted(lines)
    assert {row["LastName"] for row in org.org.rows("Lead")} == {f"L{number}" for number in range(4)}


async def test_a_failed_batch_fails_the_job_and_keeps_what_is_done(
    http: aiohttp.ClientSession, org: RunningOrg
) -> None:
    org.org.plan(FaultSpec("failed-job", where={"batch": "2", "object": "Lead"}))
    path = await started(http, "LastName,Company\n" + "".join(f"L{number},Co\n" for number in range(10)))
    job = await finished(http, path)
    assert (job["state"], job["numberRecordsProcessed"]) == ("Failed", 4)
    assert job["errorMessage"].startswith("InternalServerError : The batch was retried more than 20 times")
    assert len(await rows(http, f"{path}/unprocessedRecords")) == 6
    assert org.org.count("Lead") == 4
    assert org.org.ledger.faults == {"failed-job": 1}
    closing = await refused(http, "PATCH", path, json={"state": "Aborted"})
    assert closing == "Aborting already Failed Job not allowed"


async def test_locked_rows_fail_alone(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    org.org.plan(FaultSpec("row-lock", times=2, where={"object": "Contact", "operation": "update"}))
    ids = [str(row["Id"]) for row in org.org.rows("Contact")][:3]
    path, job = await ingest(http, "Id,Title\n" + "".join(f"{one},T\n" for one in ids))
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 3, 2)
    assert {row["sf__Id"]: row["sf__Error"] for row in await rows(http, f"{path}/failedResults")} == {
        one: f"UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: {one}:--"
        for one in ids[:2]
    }


async def test_a_job_that_is_deleted_before_its_work_starts_does_nothing() -> None:
    async with await serve(OrgConfig(bulk_processing_delay_seconds=3600)) as org:
        headers = {"Authorization": f"Bearer {org.access_token}"}
        async with aiohttp.ClientSession(org.base_url, headers=headers) as http:
            path = await started(http, "LastName,Company\nX,Y\n")
            assert (await call(http, "GET", path))["state"] == "UploadComplete"
            await call(http, "DELETE", path, 204)
            await call(http, "GET", path, 404)
            await until(lambda: not any("IngestRun.process" in repr(task) for task in asyncio.all_tasks()))


async def test_closing_without_data_completes(http: aiohttp.ClientSession) -> None:
    path = await opened(http)
    await call(http, "PATCH", path, json={"state": "UploadComplete"})
    job = await finished(http, path)
    assert (job["state"], job["numberRecordsProcessed"]) == ("JobComplete", 0)


async def test_an_empty_file_fails(http: aiohttp.ClientSession) -> None:
    path, job = await ingest(http, "", object="Lead", operation="insert")
    assert (job["state"], job["errorMessage"]) == ("Failed", "InvalidBatch : Records not found")
    assert await call(http, "GET", f"{path}/unprocessedrecords") == ""


async def test_a_slow_query_is_aborted(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    org.org.plan(FaultSpec("slow-job", where={"job_type": "V2Query"}, settings={"seconds": 3600}))
    job = await call(http, "POST", QUERY, json={"operation": "query", "query": "SELECT Id FROM Contact"})
    path = f"{QUERY}/{job['id']}"
    await in_progress(http, path)
    assert "numberRecordsProcessed" not in await call(http, "GET", path)
    assert await refused(http, "GET", f"{path}/results") == "The results of a job in state InProgress are not available"
    await refused(http, "DELETE", path)
    (error,) = await call(http, "PATCH", path, 400, json={"state": "UploadComplete"})
    assert error["errorCode"] == "API_ERROR"
    assert (await call(http, "PATCH", path, json={"state": "Aborted"}))["state"] == "Aborted"
    await call(http, "DELETE", path, 204)


async def test_a_failed_query(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    org.org.plan(FaultSpec("failed-job", settings={"message": "InternalServerError : no luck"}))
    path, job = await query_job(http, "SELECT Id FROM Contact")
    assert (job["state"], job["errorMessage"]) == ("Failed", "InternalServerError : no luck")
    await refused(http, "GET", f"{path}/results")


async def test_closing_the_org_ends_the_work() -> None:
    org = await serve(OrgConfig(contacts=1, faults=(FaultSpec("slow-job", settings={"seconds": 3600}),)))
    async with aiohttp.ClientSession(org.base_url, headers={"Authorization": f"Bearer {org.access_token}"}) as http:
        job = await call(http, "POST", QUERY, json={"operation": "query", "query": "SELECT Id FROM Contact"})
        await in_progress(http, f"{QUERY}/{job['id']}")
    await org.close()  # a task that is left over would be reported when the loop closes


async def test_the_list_of_jobs(http: aiohttp.ClientSession) -> None:
    paths = [await opened(http) for _ in range(2)]
    query, _ = await query_job(http, "SELECT Id FROM Contact")

    async def listed(path: str, **filters: str) -> list[str]:
        page = await call(http, "GET", path, params=filters)
        assert (page["done"], page["nextRecordsUrl"]) == (True, None)
        return [job["id"] for job in page["records"]]

    ingest_ids, query_id = [path.rpartition("/")[2] for path in paths], query.rpartition("/")[2]
    assert await listed(INGEST) == ingest_ids
    assert await listed(f"{INGEST}/", concurrencyMode="parallel", isPkChunkingEnabled="false") == ingest_ids
    assert await listed(QUERY) == [query_id]
    assert await listed(QUERY, jobType="V2Ingest") == ingest_ids
    assert await listed(INGEST, jobType="V2Query") == [query_id]
    for filters in ({"jobType": "Classic"}, {"isPkChunkingEnabled": "true"}, {"concurrencyMode": "serial"}):
        assert await listed(INGEST, **filters) == []
    (job,) = (await call(http, "GET", QUERY))["records"]
    assert list(job) == [
        "id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "concurrencyMode",
        "contentType", "apiVersion", "jobType", "lineEnding", "columnDelimiter",
    ]  # fmt: skip


async def test_the_list_of_jobs_has_pages(http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.org.bulk.jobs.JOBS_PER_PAGE", 2)
    paths = [await opened(http) for _ in range(5)]
    url, ids = INGEST, []
    while url:
        page = await call(http, "GET", url)
        assert page["done"] is (page["nextRecordsUrl"] is None)
        ids += [job["id"] for job in page["records"]]
        url = page["nextRecordsUrl"]
    assert [f"{INGEST}/{one}" for one in ids] == paths
    for locator in ("1", "01g000000000000AAA-2", "x-2", "-"):
        (error,) = await call(http, "GET", f"{INGEST}?queryLocator={locator}", 400)
        assert error["errorCode"] == "INVALID_QUERY_LOCATOR"


async def test_finished_jobs_live_for_seven_days(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    done, _ = await query_job(http, "SELECT Id FROM Contact")
    waiting = await opened(http)
    org.org.clock.advance(6.9 * 24 * 3600)
    await call(http, "GET", f"{done}/results")
    org.org.clock.advance(0.2 * 24 * 3600)
    await call(http, "GET", f"{done}/results", 404)
    assert (await call(http, "GET", QUERY))["records"] == []
    await call(http, "GET", waiting)


@pytest.mark.parametrize(
    ("version", "path"),
    [("40.0", "jobs/ingest"), ("46.0", "jobs/query"), ("57.0", "jobs/query/750000000000001/resultPages")],
)
async def test_what_older_versions_lack(http: aiohttp.ClientSession, version: str, path: str) -> None:
    (error,) = await call(http, "GET", f"/services/data/v{version}/{path}", 404)
    assert error == {"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}


async def test_a_job_of_the_other_kind_is_not_found(http: aiohttp.ClientSession) -> None:
    path = await opened(http)
    await call(http, "GET", path.replace("ingest", "query"), 404)
    await call(http, "GET", f"{DATA}/jobs/ingest/nonsense", 404)
    await call(http, "GET", f"{path}/otherResults", 404)


async def test_a_second_upload_may_be_allowed() -> None:
    async with await serve(OrgConfig(bulk_second_upload_accepted=True)) as org:
        headers = {"Authorization": f"Bearer {org.access_token}"}
        async with aiohttp.ClientSession(org.base_url, headers=headers) as http:
            path = await opened(http)
            for name in ("First", "Second"):
                await call(http, "PUT", f"{path}/batches", 201, data=f"LastName,Company\n{name},Co\n")
            await call(http, "PATCH", path, json={"state": "UploadComplete"})
            assert (await finished(http, path))["numberRecordsProcessed"] == 1
        assert [row["LastName"] for row in org.org.rows("Lead")] == ["Second"]
