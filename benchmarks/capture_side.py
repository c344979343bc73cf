"""One capture worker as a process of its own, which ends when so many updates of contacts are committed.

    python -m benchmarks.capture_side ORG_URL CLIENT_ID CLIENT_SECRET BOOTSTRAP_SERVERS NAMESPACE UPDATES

prints one JSON line. Timed from the first transaction with an update to the end of the last one.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from statistics import quantiles
from typing import Any, Protocol

from schemas.documents import Connection
from schemas.events import Change, Entity, Parked, Position
from workers.adapters.kafka.changelog import KafkaChangeLog, open_change_log
from workers.adapters.kafka.shards import KafkaShardOwnership
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key
from workers.capture.worker import Capture
from workers.runtime.process import SystemClock

STUCK_SECONDS = 240


class Meter(Protocol):
    """Told of every transaction of the worker."""

    @property
    def full(self) -> asyncio.Event:
        """Set when the worker may end."""

    def begins(self, changes: Sequence[Change]) -> None: ...

    def committed(self, changes: Sequence[Change]) -> None: ...

    def figures(self) -> dict[str, Any]: ...


class UpdatesMeter:
    """Delivery is when the event was read from the socket, commit when the transaction's end was acknowledged."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._began: tuple[float, float] | None = None
        self._latencies_ms: list[int] = []
        self._transactions = 0
        self.full = asyncio.Event()
        self._ended = (0.0, 0.0)

    def begins(self, changes: Sequence[Change]) -> None:
        if self._began is None and _updates(changes):
            self._began = (time.perf_counter(), time.process_time())

    def committed(self, changes: Sequence[Change]) -> None:
        now_ms = SystemClock().now_ms()
        if found := [now_ms - change.captured_at_ms for change in _updates(changes)]:
            self._latencies_ms += found
            self._transactions += 1
        if len(self._latencies_ms) >= self._wanted:
            self._ended = (time.perf_counter(), time.process_time())
            self.full.set()

    def figures(self) -> dict[str, Any]:
        assert self._began is not None
        seconds, cpu_seconds = self._ended[0] - self._began[0], self._ended[1] - self._began[1]
        cuts = quantiles(self._latencies_ms, n=100) if len(self._latencies_ms) > 1 else [0.0] * 99
        return {
            "updates": len(self._latencies_ms),
            "seconds": round(seconds, 2),
            "updates_per_second": round(len(self._latencies_ms) / max(seconds, 1e-9)),
            "cpu_us_per_update": round(cpu_seconds / len(self._latencies_ms) * 1e6, 1),
            "transactions": self._transactions,
            "latency_ms": {"p50": round(cuts[49]), "p95": round(cuts[94]), "p99": round(cuts[98])},
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }


class MeteredLog:
    """`ChangeLog` that tells the meter."""

    def __init__(self, log: KafkaChangeLog, meter: Meter) -> None:
        self._log = log
        self._meter = meter

    async def positions(self) -> dict[tuple[str, Entity], Position]:
        return await self._log.positions()

    async def append(
        self, changes: Sequence[Change], positions: Sequence[Position], parked: Sequence[Parked] = ()
    ) -> None:
        self._meter.begins(changes)
        await self._log.append(changes, positions, parked)
        self._meter.committed(changes)

    async def close(self) -> None:
        await self._log.close()


def _updates(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change.kind == "update"]


async def capture(
    org_url: str, client_id: str, client_secret: str, servers: str, namespace: str, meter: Meter
) -> dict[str, Any]:
    """A worker that captures the org until the meter is full; what it measured."""
    session, store, cipher = open_session(), memory_store(), TokenCipher([generate_key()])
    authorization = await client_credentials(
        session, org_url, client_id=client_id, client_secret=client_secret, allow_insecure_loopback=True
    )
    connection = Connection(
        team="acme",
        org_id=authorization.org_id,
        instance_url=authorization.instance_url,
        login_url=org_url,
        client_id=client_id,
        grant="client_credentials",
        secret=cipher.seal("acme", authorization.secret),
        connected_at_ms=1,
    )
    await store.connections.swap([connection])
    orgs = Orgs(store.connections, cipher, SystemClock(), allow_insecure_loopback=True, session=session)
    stop = asyncio.Event()

    async def opened(shard: int) -> MeteredLog:
        return MeteredLog(await open_change_log(servers, shard, namespace), meter)

    running = asyncio.create_task(
        Capture(store, orgs, opened, KafkaShardOwnership(servers, namespace), SystemClock()).run(stop)
    )
    async with asyncio.timeout(STUCK_SECONDS):
        await meter.full.wait()
    stop.set()
    await running
    await orgs.close()
    return meter.figures()


def main() -> None:
    *where, wanted = sys.argv[1:]
    org_url, client_id, client_secret, servers, namespace = where

    async def measure() -> dict[str, Any]:
        return await capture(org_url, client_id, client_secret, servers, namespace, UpdatesMeter(int(wanted)))

    print(json.dumps(asyncio.run(measure())))


if __name__ == "__main__":
    main()
