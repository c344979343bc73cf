"""Bulk API 2.0 of the org: a query of all contacts, page by page, and files taken in with their events delivered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import aiohttp

from benchmarks.org_client import API_VERSION, OrgProcess, Subscriber, client, org_process

CHANNEL = "/data/ContactChangeEvent"
JOBS = f"/services/data/v{API_VERSION}/jobs"
QUERY = "SELECT Id, FirstName, LastName, Email, Title, CreatedDate, SystemModstamp FROM Contact"
STUCK_SECONDS = 600
POLL_SECONDS = 0.1
FINISHED = {"JobComplete", "Failed", "Aborted"}


def bulk_query(contacts: int) -> dict[str, Any]:
    """From the creation of the job to the last byte of its answer."""
    with org_process(contacts=contacts) as org:
        loaded_mb = org.rss_mb()
        found = asyncio.run(_query(org))
        return {**found, "rss_mb": round(org.rss_mb()), "rss_mb_before": round(loaded_mb)}


async def _query(org: OrgProcess) -> dict[str, Any]:
    async with asyncio.timeout(STUCK_SECONDS), client(org) as session:
        since, cpu_since = time.perf_counter(), org.cpu_seconds()
        job = await _call(session, "POST", f"{JOBS}/query", {"operation": "query", "query": QUERY})
        path = f"{JOBS}/query/{job['id']}"
        job = await _finished(session, path)
        ran_seconds = time.perf_counter() - since
        rows, size = await _fetch(session, path)
        seconds = time.perf_counter() - since
        if job["numberRecordsProcessed"] != rows:
            raise RuntimeError(f"{rows} rows of {job}")
        return {
            "rows": rows,
            "rows_per_second": round(rows / seconds),
            "ran_seconds": round(ran_seconds, 2),
            "cpu_us_per_row": round((org.cpu_seconds() - cpu_since) / rows * 1e6, 2),
            "bytes_per_row": round(size / rows),
        }


async def _fetch(session: aiohttp.ClientSession, path: str) -> tuple[int, int]:
    """All pages, one after the other; how many rows and bytes."""
    rows = size = 0
    locator = ""
    while locator != "null":
        parameters = {"locator": locator} if locator else {}
        async with session.get(f"{path}/results", params=parameters) as response:
            locator = response.headers["Sforce-Locator"]
            rows += int(response.headers["Sforce-NumberOfRecords"])
            async for piece in response.content.iter_any():
                size += len(piece)
    return rows, size


def bulk_ingest(rows: int) -> dict[str, Any]:
    """A file of new contacts, then one that changes them all, each until the job is done and until the last event."""
    with org_process(contacts=0) as org:
        return {**asyncio.run(_ingest(org, rows)), "rss_mb": round(org.rss_mb())}


async def _ingest(org: OrgProcess, rows: int) -> dict[str, Any]:
    async with asyncio.timeout(STUCK_SECONDS), client(org) as session:
        subscriber = Subscriber(session, CHANNEL)
        await subscriber.join()
        listening = asyncio.create_task(subscriber.listen())
        new = (f"First{one},Last{one},person.{one}@firm-{one % 997}.com,Title {one % 7}\n" for one in range(rows))
        inserted, path = await _job(org, session, subscriber, rows, "insert", "FirstName,LastName,Email,Title\n", new)
        ids = await _ids(session, path)
        changed = (f"{record_id},Other {one}\n" for one, record_id in enumerate(ids))
        updated, _ = await _job(org, session, subscriber, rows, "update", "Id,Title\n", changed)
        listening.cancel()
    return {"rows": rows, "insert": inserted, "update": updated}


async def _job(
    org: OrgProcess,
    session: aiohttp.ClientSession,
    subscriber: Subscriber,
    rows: int,
    operation: str,
    header: str,
    lines: Iterable[str],
) -> tuple[dict[str, float], str]:
    content = (header + "".join(lines)).encode()
    events, since, cpu_since = subscriber.events, time.perf_counter(), org.cpu_seconds()
    job = await _call(session, "POST", f"{JOBS}/ingest", {"operation": operation, "object": "Contact"})
    path = f"{JOBS}/ingest/{job['id']}"
    async with session.put(f"{path}/batches", data=content, headers={"Content-Type": "text/csv"}) as response:
        response.raise_for_status()
    await _call(session, "PATCH", path, {"state": "UploadComplete"})
    job = await _finished(session, path)
    seconds = time.perf_counter() - since
    if (job["numberRecordsProcessed"], job["numberRecordsFailed"]) != (rows, 0):
        raise RuntimeError(f"not all rows were written: {job}")
    await subscriber.wait_for(events=events + rows)
    delivered_seconds = time.perf_counter() - since
    cpu_us = (org.cpu_seconds() - cpu_since) / rows * 1e6
    return {
        "job_seconds": round(seconds, 2),
        "delivered_seconds": round(delivered_seconds, 2),
        "cpu_us_per_row": round(cpu_us),
    }, path


async def _ids(session: aiohttp.ClientSession, path: str) -> list[str]:
    async with session.get(f"{path}/successfulResults") as response:
        text = await response.text()
    return [line[1:19] for line in text.splitlines()[1:]]


async def _finished(session: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    while True:
        job = await _call(session, "GET", path)
        if job["state"] in FINISHED:
            return job
        await asyncio.sleep(POLL_SECONDS)


async def _call(
    session: aiohttp.ClientSession, method: str, path: str, body: dict[str, str] | None = None
) -> dict[str, Any]:
    async with session.request(method, path, json=body) as response:
        response.raise_for_status()
        found: dict[str, Any] = await response.json()
        return found
