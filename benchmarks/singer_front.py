"""What a Singer tap needs and the simulated org has not: the query half of Bulk API 1.0, in front of Bulk API 2.0.

    python -m benchmarks.singer_front ORG_URL CLIENT_ID CLIENT_SECRET

prints its address and serves until its input closes, on the core of the org. Whatever is not Bulk API 1.0 is passed on;
any login succeeds, with a token of the app.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

DATA = "/services/data/v62.0"
BULK = r"/services/async/{version}/job"
NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
JOB_ID = "750000000000001AAA"
RESULT_ID = "752000000000001"
STATES = {"UploadComplete": "Queued", "InProgress": "InProgress", "JobComplete": "Completed"}
ALL_ROWS = 10_000_000
PIECE_BYTES = 256 * 1024
KEPT_HEADERS = ("Content-Type", "Sforce-Limit-Info")


class Front:
    def __init__(self, org: aiohttp.ClientSession, token: str) -> None:
        self._org = org
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/services/oauth2/token", self.log_in),
            web.post(BULK, self.open_job),
            web.post(BULK + "/{job}", self.open_job),  # closes it
            web.post(BULK + "/{job}/batch", self.query),
            web.get(BULK + "/{job}/batch/{batch}", self.state),
            web.get(BULK + "/{job}/batch/{batch}/result", self.results),
            web.get(BULK + "/{job}/batch/{batch}/result/{result}", self.rows),
            web.get("/{path:.*}", self.passed_on),
        ]

    async def log_in(self, request: web.Request) -> web.Response:
        return web.json_response({"access_token": self._token, "instance_url": str(request.url.origin())})

    async def open_job(self, _: web.Request) -> web.Response:
        """There is one job for all: its batches are the jobs of Bulk API 2.0."""
        return web.json_response({"id": JOB_ID, "state": "Open"})

    async def query(self, request: web.Request) -> web.Response:
        body = {"operation": "queryAll", "query": await request.text()}
        async with self._org.post(f"{DATA}/jobs/query", json=body, headers=self._authorization) as reply:
            job = await reply.json()
        if reply.status != 200:
            raise web.HTTPBadRequest(text=str(job))
        return _xml(f"<batchInfo xmlns='{NAMESPACE}'><id>{job['id']}</id><state>Queued</state></batchInfo>")

    async def state(self, request: web.Request) -> web.Response:
        batch = request.match_info["batch"]
        async with self._org.get(f"{DATA}/jobs/query/{batch}", headers=self._authorization) as reply:
            job = await reply.json()
        state, message = STATES.get(job["state"], "Failed"), job.get("errorMessage", "")
        return _xml(
            f"<batchInfo xmlns='{NAMESPACE}'><id>{batch}</id><state>{state}</state>"
            f"<stateMessage>{message}</stateMessage></batchInfo>"
        )

    async def results(self, _: web.Request) -> web.Response:
        return _xml(f"<result-list xmlns='{NAMESPACE}'><result>{RESULT_ID}</result></result-list>")

    async def rows(self, request: web.Request) -> web.StreamResponse:
        url = f"{DATA}/jobs/query/{request.match_info['batch']}/results"
        async with self._org.get(url, params={"maxRecords": str(ALL_ROWS)}, headers=self._authorization) as reply:
            return await _copied(request, reply)

    async def passed_on(self, request: web.Request) -> web.StreamResponse:
        async with self._org.get(request.path_qs, headers=self._authorization) as reply:
            return await _copied(request, reply)


async def _copied(request: web.Request, reply: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = {name: reply.headers[name] for name in KEPT_HEADERS if name in reply.headers}
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(request)
    async for piece in reply.content.iter_chunked(PIECE_BYTES):
        await response.write(piece)
    return response


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0" encoding="UTF-8"?>{text}', content_type="application/xml")


@asynccontextmanager
async def _serving(org_url: str, client_id: str, client_secret: str) -> AsyncIterator[str]:
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(org_url, timeout=timeout, read_bufsize=4 * PIECE_BYTES) as org:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        async with org.post("/services/oauth2/token", data=form) as reply:
            token = (await reply.json())["access_token"]
        app = web.Application()
        app.add_routes(Front(org, token).routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


async def run(org_url: str, client_id: str, client_secret: str) -> None:
    async with _serving(org_url, client_id, client_secret) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    asyncio.run(run(*sys.argv[1:]))
