"""What Bulk jobs may use in 24 hours, how /limits shows it, and how large an upload may be."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.org.bulk import ingest as bulk_ingest
from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.integration.org.bulk.steps import DATA, INGEST, QUERY, call, finished, ingest, query_job, rows

DAY_SECONDS = 24 * 3600


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    config = OrgConfig(
        contacts=30, bulk_internal_batch_rows=2, daily_bulk_batches=3, daily_bulk_query_jobs=2,
        daily_bulk_query_megabytes=1,
    )  # fmt: skip
    async with await serve(config) as running:
        yield running


async def remaining(http: aiohttp.ClientSession) -> tuple[int, int, int]:
    limits = await call(http, "GET", f"{DATA}/limits")
    names = ("DailyBulkApiBatches", "DailyBulkV2QueryJobs", "DailyBulkV2QueryFileStorageMB")
    return tuple(limits[name]["Remaining"] for name in names)


async def test_rows_beyond_the_batches_of_a_day_are_in_no_file(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    content = "LastName,Company\n" + "".join(f"L{number},Co\n" for number in range(9))
    path, job = await ingest(http, content, object="Lead", operation="insert")
    assert (job["state"], job["numberRecordsProcessed"]) == ("JobComplete", 6)
    files = [
        await rows(http, f"{path}/{name}") for name in ("successfulResults", "failedResults", "unprocessedRecords")
    ]
    assert [len(file) for file in files] == [6, 0, 0]
    assert (await remaining(http))[0] == 0
    org.org.clock.advance(DAY_SECONDS)
    assert (await remaining(http))[0] == 3
    _, job = await ingest(http, content, object="Lead", operation="insert")
    assert job["numberRecordsProcessed"] == 6


async def test_query_jobs_of_a_day(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    for left in (1, 0):
        await query_job(http, "SELECT Id FROM Contact LIMIT 1")
        assert await remaining(http) == (3, left, 0)
    body = {"operation": "query", "query": "SELECT Id FROM Contact"}
    (error,) = await call(http, "POST", QUERY, 400, json=body)
    assert error == {
        "errorCode": "LIMIT_EXCEEDED",
        "message": "Max bulk v2 query jobs (2) per 24 hrs has been reached (3)",
    }
    org.org.clock.advance(DAY_SECONDS + 60)
    await query_job(http, "SELECT Id FROM Contact LIMIT 1")


async def test_results_of_a_day(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    org.org.load("Contact", [{"LastName": "Long", "Description": "x" * 32_000}] * 33)
    await query_job(http, "SELECT Description FROM Contact WHERE LastName = 'Long'")
    body = {"operation": "query", "query": "SELECT Id FROM Contact"}
    (error,) = await call(http, "POST", QUERY, 400, json=body)
    assert error == {
        "errorCode": "LIMIT_EXCEEDED",
        "message": "Max bulk v2 query result size stored (1024) kb per 24 hrs has been exceeded",
    }


async def test_an_upload_has_150_megabytes_of_base64(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bulk_ingest.MAX_UPLOAD_BYTES == 117_964_800
    monkeypatch.setattr(bulk_ingest, "MAX_UPLOAD_BYTES", 20)
    job = await call(http, "POST", INGEST, json={"object": "Lead", "operation": "insert"})
    path = f"{INGEST}/{job['id']}"
    await call(http, "PUT", f"{path}/batches", 413, data=b"x" * 21)
    await call(http, "PUT", f"{path}/batches", 201, data="LastName,Company\nX,Y")
    await call(http, "PATCH", path, json={"state": "UploadComplete"})
    assert (await finished(http, path))["numberRecordsProcessed"] == 1


async def test_a_multipart_job_has_100_000_characters(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    async def post(content: str, status: int) -> dict[str, object]:
        form = aiohttp.FormData()
        form.add_field("job", '{"object":"Lead","operation":"insert"}', content_type="application/json")
        form.add_field("content", content, filename="content", content_type="text/csv")
        found: dict[str, object] = await call(http, "POST", INGEST, status, data=form)
        return found

    header = "LastName,Company\n"
    job = await post(header + "é" * 80 + ",Y\n" * ((100_000 - len(header) - 80) // 3), 200)
    assert job["state"] == "UploadComplete"
    await post(header + "x" * 100_000, 413)
    assert len((await call(http, "GET", INGEST))["records"]) == 1
