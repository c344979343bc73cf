"""What a client of Bulk API 2.0 does, step by step or as a whole."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import aiohttp

from sandbox.org.server import RunningOrg

DATA = "/services/data/v62.0"
INGEST, QUERY = f"{DATA}/jobs/ingest", f"{DATA}/jobs/query"
PATIENCE_SECONDS = 20


async def call(http: aiohttp.ClientSession, method: str, path: str, status: int = 200, **arguments: Any) -> Any:
    async with http.request(method, path, **arguments) as reply:
        assert reply.status == status, await reply.text()
        return await reply.json() if reply.content_type == "application/json" else await reply.text()


async def finished(http: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            job: dict[str, Any] = await call(http, "GET", path)
            if job["state"] in {"JobComplete", "Failed", "Aborted"}:
                return job
            await asyncio.sleep(0.01)


async def ingest(http: aiohttp.ClientSession, content: str, **settings: str) -> tuple[str, dict[str, Any]]:
    """Run a whole job; its path and its final state."""
    body = {"object": "Contact", "operation": "update", "contentType": "CSV", "lineEnding": "LF"} | settings
    job = await call(http, "POST", INGEST, json=body)
    path = f"{INGEST}/{job['id']}"
    await call(http, "PUT", "/" + job["contentUrl"], 201, data=content.encode(), headers={"Content-Type": "text/csv"})
    await call(http, "PATCH", path, json={"state": "UploadComplete", "id": job["id"]})
    return path, await finished(http, path)


async def rows(http: aiohttp.ClientSession, path: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(await call(http, "GET", path), newline=""), delimiter=delimiter))


def contacts(org: RunningOrg) -> list[dict[str, Any]]:
    return [dict(row) for row in org.org.rows("Contact")]


async def query_job(http: aiohttp.ClientSession, query: str, **settings: str) -> tuple[str, dict[str, Any]]:
    job = await call(http, "POST", QUERY, json={"operation": "query", "query": query} | settings)
    assert job["state"] == "UploadComplete"
    path = f"{QUERY}/{job['id']}"
    return path, await finished(http, path)
