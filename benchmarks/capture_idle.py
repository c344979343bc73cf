"""Many connected teams in whose orgs nothing happens: how they connect, and what they cost."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from benchmarks.capture_process import finished, start_worker
from sandbox.org.config import OrgConfig
from sandbox.org.fleet.orgs import numbered
from sandbox.org.server import RunningOrg, serve
from workers.adapters.kafka.topics import ensure_topics

POLL_SECONDS = 20
"""110 in the field: five times as many polls as there."""


async def measure(servers: str, teams: int, orgs: int) -> dict[str, Any]:
    """Each org refuses more CometD clients at a time than it has teams."""
    most = -(-teams // orgs)
    config = OrgConfig(
        connect_timeout_seconds=POLL_SECONDS, contacts=1, leads=1, accounts=1, concurrent_cometd_clients=most
    )
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(await serve(one)) for one in numbered(orgs, config).values()]
        figures = await _idle(running, config, servers, teams)
    return {"orgs": orgs, "clients_allowed_by_each_org": most, **figures}


async def _idle(orgs: Sequence[RunningOrg], config: OrgConfig, servers: str, teams: int) -> dict[str, Any]:
    namespace = f"b{uuid.uuid4().hex[:8]}"
    await ensure_topics(servers, namespace, 1)
    counting = asyncio.create_task(_most_new(lambda: sum(len(org.cometd_sessions) for org in orgs)))
    urls = ",".join(org.base_url for org in orgs)
    place = (urls, config.client_id, config.client_secret, servers, namespace)
    figures = await finished(await start_worker("capture_side", "idle", *place, str(teams), "0"))
    counting.cancel()
    return figures | {"most_handshakes_per_second": await counting}


async def _most_new(sessions: Callable[[], int]) -> int:
    """The most sessions that began in a second. Until cancelled."""
    most, before, since = 0.0, sessions(), time.perf_counter()
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(1)
            now, at = sessions(), time.perf_counter()  # the loop of a busy machine is late by seconds
            most, before, since = max(most, (now - before) / (at - since)), now, at
    return round(most)
