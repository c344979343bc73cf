"""`segment-sync sandbox` as another project uses it: one JSON line when it is ready, until SIGTERM."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

READY_SECONDS = 60


@asynccontextmanager
async def sandbox(*arguments: str) -> AsyncIterator[dict[str, Any]]:
    """What the command printed; it must end well afterwards."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", "sandbox", "--port", "0", "--json"),
        *("--contacts", "3", "--leads", "0", "--accounts", "0"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = await process.stdout.readline()
        yield json.loads(line)
        process.terminate()
        async with asyncio.timeout(READY_SECONDS):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_many_orgs_with_settings_and_faults() -> None:
    async with (
        sandbox("--orgs", "3", "--fault-rate", "0.000001", "--set", "daily_api_requests=77") as ready,
        aiohttp.ClientSession() as http,
    ):
        assert [org["name"] for org in ready["orgs"]] == ["org-1", "org-2", "org-3"]
        async with http.get(f"{ready['admin_url']}/orgs/org-2") as reply:
            org = await reply.json()
        headers = {"Authorization": f"Bearer {org['access_token']}"}
        async with http.get(f"{org['instance_url']}/services/data/v62.0/limits", headers=headers) as reply:
            assert (await reply.json())["DailyApiRequests"]["Max"] == 77
        async with http.get(f"{org['admin_url']}/faults") as reply:
            assert {"reset", "duplicate-event"} <= {one["kind"] for one in (await reply.json())["planned"]}
