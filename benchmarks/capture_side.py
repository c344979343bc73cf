"""One capture worker as a process of its own, which ends when so many updates of contacts are committed, or when so
many teams have been connected and idle for a while.

    python -m benchmarks.capture_side updates|idle ORG_URLS CLIENT_ID CLIENT_SECRET SERVERS NAMESPACE NUMBER WARMUP

prints one JSON line. Updates are timed from the first transaction with one after the warm-up to the end of the last.
ORG_URLS, separated by commas: orgs over which idle teams are spread. The app is the same in all of them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Protocol

import psutil

from benchmarks.memory import peak_rss_mb
from schemas.documents import Connection
from schemas.events import Change, Entity, Parked, Position
from workers.adapters.kafka.changelog import KafkaChangeLog, open_change_log
from workers.adapters.kafka.shards import KafkaShardOwnership
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce import cometd
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import Authorization, client_credentials
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key
from workers.capture.worker import Capture
from workers.runtime.process import SystemClock, collect_seldom

IDLE_SECONDS = 20.0
STUCK_SECONDS = 1800
LAG_EVERY_SECONDS = 0.1


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

    def __init__(self, wanted: int, warmup: int = 0) -> None:
        self._wanted = wanted + warmup
        self._warmup = warmup
        self._left_out = 0
        self._began: tuple[float, float] | None = None
        self._latencies_ms: list[int] = []
        self._transactions = 0
        self.full = asyncio.Event()
        self._ended = (0.0, 0.0)

    def begins(self, changes: Sequence[Change]) -> None:
        if self._began is None and len(self._latencies_ms) >= self._warmup and _updates(changes):
            self._began = (time.perf_counter(), time.process_time())
            self._left_out = len(self._latencies_ms)

    def committed(self, changes: Sequence[Change]) -> None:
        now_ms = SystemClock().now_ms()
        if found := [now_ms - change.captured_at_ms for change in _updates(changes)]:
            self._latencies_ms += found
            self._transactions += self._began is not None
        if len(self._latencies_ms) >= self._wanted:
            self._ended = (time.perf_counter(), time.process_time())
            self.full.set()

    def figures(self) -> dict[str, Any]:
        assert self._began is not None
        seconds, cpu_seconds = self._ended[0] - self._began[0], self._ended[1] - self._began[1]
        latencies_ms = self._latencies_ms[self._left_out :]
        cuts = quantiles(latencies_ms, n=100) if len(latencies_ms) > 1 else [0.0] * 99
        return {
            "updates": len(latencies_ms),
            "seconds": round(seconds, 2),
            "updates_per_second": round(len(latencies_ms) / max(seconds, 1e-9)),
            "cpu_us_per_update": round(cpu_seconds / len(latencies_ms) * 1e6, 1),
            "transactions": self._transactions,
            "latency_ms": {"p50": round(cuts[49]), "p95": round(cuts[94]), "p99": round(cuts[98])},
            "peak_rss_mb": peak_rss_mb(),
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where the org and Kafka are."""

    org_urls: str
    client_id: str
    client_secret: str
    servers: str
    namespace: str


class Worker:
    """A capture worker with teams of one org, or of several."""

    def __init__(self, place: Place, teams: Mapping[str, str], meter: Meter) -> None:
        """`teams`: the URL of each team's org."""
        self._place = place
        self._teams = teams
        self._meter = meter
        self._session = open_session()
        self._store, self._cipher = memory_store(), TokenCipher([generate_key()])
        self._orgs = Orgs(
            self._store.connections, self._cipher, SystemClock(), allow_insecure_loopback=True, session=self._session
        )
        self.capture = Capture(
            self._store,
            self._orgs,
            self._opened,
            KafkaShardOwnership(place.servers, place.namespace),
            SystemClock(),
            MemoryPublisher(),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self._connect()
        stop = asyncio.Event()
        running = asyncio.create_task(self.capture.run(stop))
        async with asyncio.timeout(STUCK_SECONDS):
            yield
        stop.set()
        await running
        await self._orgs.close()

    async def confirmed(self) -> None:
        """Wait until every team streams, and its first readings are done."""
        while True:
            statuses = self.capture.statuses()
            ready = [one for one in statuses if one.state == "streaming" and one.confirmed_ms is not None]
            if len(ready) == 3 * len(self._teams):
                return
            await asyncio.sleep(0.5)

    async def _connect(self) -> None:
        granted = {url: await self._authorized(url) for url in dict.fromkeys(self._teams.values())}
        connections = [self._connection(team, url, granted[url]) for team, url in self._teams.items()]
        await self._store.connections.swap(connections)

    async def _authorized(self, org_url: str) -> Authorization:
        return await client_credentials(
            self._session,
            org_url,
            client_id=self._place.client_id,
            client_secret=self._place.client_secret,
            allow_insecure_loopback=True,
        )

    def _connection(self, team: str, org_url: str, granted: Authorization) -> Connection:
        return Connection(
            team=team,
            org_id=granted.org_id,
            instance_url=granted.instance_url,
            login_url=org_url,
            client_id=self._place.client_id,
            grant="client_credentials",
            secret=self._cipher.seal(team, granted.secret),
            connected_at_ms=1,
        )

    async def _opened(self, shard: int) -> MeteredLog:
        return MeteredLog(await open_change_log(self._place.servers, shard, self._place.namespace), self._meter)


async def capture(place: Place, meter: Meter) -> dict[str, Any]:
    """A worker that captures the org until the meter is full; what it measured."""
    collect_seldom()  # as the command does
    async with Worker(place, {"acme": place.org_urls}, meter).running():
        await meter.full.wait()
    return meter.figures()


async def updates(place: Place, wanted: int, warmup: int) -> dict[str, Any]:
    return await capture(place, UpdatesMeter(wanted, warmup))


def spread(place: Place, teams: int) -> dict[str, str]:
    """The org of each team."""
    urls = place.org_urls.split(",")
    return {f"team-{number}": urls[number % len(urls)] for number in range(teams)}


class LoopLag:
    """By how much the event loop is late, ten times a second."""

    def __init__(self) -> None:
        self._late_ms: list[float] = []

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY_SECONDS
            await asyncio.sleep(LAG_EVERY_SECONDS)
            self._late_ms.append((loop.time() - due) * 1000)

    def figures(self) -> dict[str, int]:
        """And from then on anew."""
        cuts, self._late_ms = quantiles(self._late_ms, n=100), []
        return {"p50": round(cuts[49]), "p99": round(cuts[98])}


async def idle(place: Place, teams: int, _: int) -> dict[str, Any]:
    collect_seldom()  # as the command does
    if "," not in place.org_urls:  # in the field every team has a host of its own
        cometd.HANDSHAKES_PER_SECOND_OF_HOST = cometd.HANDSHAKES_PER_SECOND
    before_mb = rss_mb()
    worker = Worker(place, spread(place, teams), UpdatesMeter(1))
    lag = LoopLag()
    lagging = asyncio.create_task(lag.run())
    began = time.perf_counter()
    async with worker.running():
        await worker.confirmed()
        connected_seconds = time.perf_counter() - began
        connecting_lag_ms = lag.figures()
        cpu_since = time.process_time()
        await asyncio.sleep(IDLE_SECONDS)
        cpu_seconds = time.process_time() - cpu_since
        reconnects = sum(one.reconnects for one in worker.capture.statuses()) // 3
        after_mb = rss_mb()
    lagging.cancel()
    return {
        "teams": teams,
        "connected_seconds": round(connected_seconds, 1),
        "rss_before_mb": before_mb,
        "rss_mb": after_mb,
        "kb_per_team": round((after_mb - before_mb) * 1024 / teams),
        "idle_cpu_share": round(cpu_seconds / IDLE_SECONDS, 3),
        "reconnects": reconnects,
        "loop_late_ms": {"connecting": connecting_lag_ms, "idle": lag.figures()},
    }


def rss_mb() -> int:
    return psutil.Process().memory_info().rss // 1024**2


def main() -> None:
    what, *place, number, warmup = sys.argv[1:]
    measured = {"updates": updates, "idle": idle}[what]
    print(json.dumps(asyncio.run(measured(Place(*place), int(number), int(warmup)))))


if __name__ == "__main__":
    main()
