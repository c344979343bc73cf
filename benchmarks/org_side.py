"""The org of the benchmark, alone in its process and on its core.

    python -m benchmarks.org_side SETTINGS_JSON

prints one JSON line when it serves (its credentials, and what loading cost), and serves until its input closes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

from benchmarks.memory import peak_rss_mb
from sandbox.org.config import OrgConfig
from sandbox.org.memory.collector import collect_seldom
from sandbox.org.server import RunningOrg, serve


async def run(settings: dict[str, Any]) -> None:
    collect_seldom()  # as the sandbox command does
    since = time.perf_counter()
    async with await serve(OrgConfig(**settings)) as org:
        print(json.dumps(_greeting(org, time.perf_counter() - since)), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def _greeting(org: RunningOrg, load_seconds: float) -> dict[str, Any]:
    return {**org.credentials, "load_seconds": round(load_seconds, 2), "peak_rss_mb": peak_rss_mb()}


def main(settings: str) -> None:
    # The first core is the org's; whoever asks for the figures keeps off it.
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    asyncio.run(run(json.loads(settings)))


if __name__ == "__main__":
    main(*sys.argv[1:])
