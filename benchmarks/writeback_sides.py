"""Who writes the scores, each a process of its own.

    python -m benchmarks.writeback_sides plan MONGODB_URI DATABASE
    python -m benchmarks.writeback_sides ours MONGODB_URI DATABASE ORG_URL CLIENT_ID CLIENT_SECRET
    python -m benchmarks.writeback_sides simple ORG_URL TOKEN FILE WAIT_SECONDS

prints one JSON line. `FILE` holds what simple-salesforce is to write: by object, a JSON list of records.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.memory import peak_rss_mb
from benchmarks.writeback_load import TEAM


async def plan(uri: str, database: str) -> dict[str, Any]:
    from schemas.documents import WritebackSettings
    from workers.adapters.mongo import open_store
    from workers.insights.plan import Plan

    async with open_store(uri, database) as store:
        rows, since, cpu_since = 0, time.perf_counter(), time.process_time()
        async for page in Plan(store, TEAM, WritebackSettings(team=TEAM)).rows():
            rows += len(page)
        return {
            "rows": rows,
            "seconds": round(time.perf_counter() - since, 1),
            "cpu_seconds": round(time.process_time() - cpu_since, 1),
            "peak_rss_mb": peak_rss_mb(),
        }


async def ours(uri: str, database: str, url: str, client_id: str, client_secret: str) -> dict[str, Any]:
    from schemas.documents import Connection
    from workers.adapters.memory.publisher import MemoryPublisher
    from workers.adapters.mongo import open_store
    from workers.adapters.salesforce.http import open_session
    from workers.adapters.salesforce.oauth import client_credentials
    from workers.adapters.salesforce.orgs import Orgs
    from workers.adapters.secrets import TokenCipher, generate_key
    from workers.insights.worker import Insights
    from workers.runtime.process import SystemClock, collect_seldom

    collect_seldom()
    cipher = TokenCipher([generate_key()])
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(uri, database))
        session = open_session()
        authorization = await client_credentials(
            session, url, client_id=client_id, client_secret=client_secret, allow_insecure_loopback=True
        )
        connection = Connection(
            team=TEAM,
            org_id=authorization.org_id,
            instance_url=authorization.instance_url,
            login_url=url,
            client_id=client_id,
            grant="client_credentials",
            secret=cipher.seal(TEAM, authorization.secret),
            connected_at_ms=1,
        )
        await store.connections.swap([connection])
        orgs = Orgs(store.connections, cipher, SystemClock(), allow_insecure_loopback=True, session=session)
        stack.push_async_callback(orgs.close)
        since, cpu_since = time.perf_counter(), time.process_time()
        (run,) = await Insights(store, orgs, MemoryPublisher(), SystemClock()).write_back(TEAM, again=True)
        return {
            "planned": run.planned,
            "accepted": run.accepted,
            "state": run.state,
            "detail": run.detail,
            "seconds": round(time.perf_counter() - since, 1),
            "cpu_seconds": round(time.process_time() - cpu_since, 1),
            "peak_rss_mb": peak_rss_mb(),
        }


async def simple(url: str, token: str, file: str, wait_seconds: str) -> dict[str, Any]:
    return await asyncio.to_thread(_simple, url, token, Path(file), int(wait_seconds))


def _simple(url: str, token: str, file: Path, wait_seconds: int) -> dict[str, Any]:
    """simple-salesforce as its documentation shows it: records of one object after the other, one job each, then the
    results that tell what became of each row."""
    import requests
    from requests.adapters import HTTPAdapter
    from simple_salesforce import Salesforce

    class Plain(HTTPAdapter):
        """It always speaks TLS; the org of the benchmark does not, with us either."""

        def send(self, request: Any, *arguments: Any, **given: Any) -> Any:
            request.url = request.url.replace("https://", "http://", 1)
            return super().send(request, *arguments, **given)

    session = requests.Session()
    session.mount("https://", Plain())
    wanted = json.loads(file.read_text())
    since, cpu_since, accepted = time.perf_counter(), time.process_time(), 0
    salesforce = Salesforce(instance_url=url, session_id=token, version="62.0", session=session)
    for name, records in wanted.items():
        handler = getattr(salesforce.bulk2, name)
        for result in handler.update(records=records, wait=wait_seconds):
            told = handler.get_all_ingest_records(result["job_id"])
            accepted += len(told["successfulRecords"])
    return {
        "accepted": accepted,
        "seconds": round(time.perf_counter() - since, 1),
        "cpu_seconds": round(time.process_time() - cpu_since, 1),
        "peak_rss_mb": peak_rss_mb(),
    }


SIDES: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {"plan": plan, "ours": ours, "simple": simple}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(SIDES[sys.argv[1]](*sys.argv[2:]))))  # type: ignore[arg-type]
