"""A quiet team alone, and beside one of the same shard with 1,000 times its traffic: from the write in its org to the
end of the Kafka transaction.

    python -m benchmarks.capture_fairness TWO_ORG_URLS CLIENT_ID CLIENT_SECRET SERVERS NAMESPACE SECONDS

is the worker: it prints a line when the quiet team was alone for long enough, and one at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Sequence
from statistics import quantiles
from typing import Any

from benchmarks.capture_process import finished, start_worker
from benchmarks.capture_side import Place, Worker
from sandbox.org.config import OrgConfig
from sandbox.org.fleet.orgs import numbered
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve
from schemas.events import Change
from workers.adapters.kafka.topics import ensure_topics
from workers.core.capture.shards import shard_of
from workers.runtime.process import collect_seldom

QUIET_PER_SECOND = 5
TIMES = 1_000
BUSY_AT_ONCE = 200
"""Rows of one call of its user."""

WARMUP_SECONDS = 3.0

QUIET = "quiet"
BUSY = next(name for number in range(10_000) if shard_of(name := f"busy-{number}") == shard_of(QUIET))


async def measure(servers: str, seconds: float) -> dict[str, Any]:
    config = OrgConfig(connect_timeout_seconds=5, contacts=BUSY_AT_ONCE, leads=1, accounts=1)
    namespace = f"b{uuid.uuid4().hex[:8]}"
    await ensure_topics(servers, namespace, 1)
    one, other = numbered(2, config).values()
    async with await serve(one) as first, await serve(other) as second:
        place = (f"{first.base_url},{second.base_url}", config.client_id, config.client_secret, servers, namespace)
        worker = await start_worker("capture_fairness", *place, str(seconds))
        quiet = asyncio.create_task(_write(worker, first, QUIET_PER_SECOND, 1))
        assert worker.stdout is not None
        while (line := await worker.stdout.readline()) and not line.startswith(b"{"):  # the log goes there too
            pass
        await _write(worker, second, QUIET_PER_SECOND * TIMES, BUSY_AT_ONCE)
        await quiet
        return await finished(worker)


async def _write(worker: Process, sandbox: RunningOrg, per_second: float, at_once: int) -> None:
    """As long as the worker runs; each title is the moment of its write."""
    ids = [str(row["Id"]) for row in sandbox.org.rows("Contact")][:at_once]
    began, written = time.perf_counter(), 0
    while worker.returncode is None:
        if written < (time.perf_counter() - began) * per_second:
            title = str(time.time_ns() // 1_000_000)
            actor = Actor(sandbox.org.admin_user_id, "rest", "Bench")
            sandbox.org.commit([Write("update", "Contact", one, {"Title": title}) for one in ids], actor)
            written += len(ids)
        await asyncio.sleep(0.5 * at_once / per_second)


class LatencyMeter:
    """From the write in the org to the end of the transaction, by team."""

    def __init__(self) -> None:
        self._quiet_ms: list[int] = []
        self._delivered_ms: list[int] = []
        """The same without the time that the org took, which serves both teams."""
        self._changes: Counter[str] = Counter()
        self._since = time.perf_counter()
        self.full = asyncio.Event()

    def begins(self, changes: Sequence[Change]) -> None:
        pass

    def committed(self, changes: Sequence[Change]) -> None:
        now_ms = time.time_ns() // 1_000_000
        updates = [change for change in changes if change.kind == "update"]
        self._changes.update(change.team for change in updates)
        quiet = [change for change in updates if change.team == QUIET]
        self._quiet_ms += [now_ms - int(str(change.fields["Title"])) for change in quiet]
        self._delivered_ms += [now_ms - change.captured_at_ms for change in quiet]

    def figures(self) -> dict[str, Any]:
        """And from then on anew."""
        seconds = time.perf_counter() - self._since
        found = {
            "quiet_per_second": round(self._changes[QUIET] / seconds, 1),
            "busy_per_second": round(self._changes[BUSY] / seconds),
            "quiet_ms": _cuts(self._quiet_ms),
            "quiet_from_delivery_ms": _cuts(self._delivered_ms),
        }
        self.begin()
        return found

    def begin(self) -> None:
        self._quiet_ms, self._delivered_ms = [], []
        self._changes, self._since = Counter(), time.perf_counter()


def _cuts(found_ms: Sequence[int]) -> dict[str, int]:
    cuts = quantiles(found_ms, n=100)
    return {"p50": round(cuts[49]), "p95": round(cuts[94]), "p99": round(cuts[98])}


async def compare(place: Place, seconds: float) -> dict[str, Any]:
    collect_seldom()  # as the command does
    meter = LatencyMeter()
    first, second = place.org_urls.split(",")
    worker = Worker(place, {QUIET: first, BUSY: second}, meter)
    async with worker.running():
        await worker.confirmed()
        meter.begin()
        await asyncio.sleep(seconds)
        alone = meter.figures()
        print(json.dumps(alone), flush=True)
        await asyncio.sleep(WARMUP_SECONDS)
        meter.begin()
        await asyncio.sleep(seconds)
        beside = meter.figures()
    ratio = beside["quiet_ms"]["p95"] / max(1, alone["quiet_ms"]["p95"])
    return {"alone": alone, "beside": beside, "p95_beside_to_alone": round(ratio, 2)}


def main() -> None:
    *place, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(compare(Place(*place), float(seconds)))))


if __name__ == "__main__":
    main()
