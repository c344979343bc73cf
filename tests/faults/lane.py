"""A namespace of topics with workers of its own, in which runs are played one after the other or at once."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from schemas.documents import Connection
from schemas.topics import ALL, SHARDS
from tests.faults.asker import Askers
from tests.faults.child import Address, Network, Orders
from tests.faults.oracles import leaks
from tests.faults.orgs import Grant, Org, OrgProcess
from tests.faults.proxy import FaultProxy, open_proxy
from tests.faults.reading import Topics, reading
from tests.faults.worker import Worker
from tests.support.waiting import until
from workers.adapters.kafka.topics import admin, ensure_topics, topic_name
from workers.adapters.mongo import open_store
from workers.adapters.secrets import TokenCipher, generate_key
from workers.ports import Store, Unavailable

MEASURE_SECONDS = 0.5
SETTLE_SECONDS = 60.0

OPEN_ATTEMPTS = 5
"""Servers that make a hundred partitions and dozens of indexes on a busy machine may take longer than clients wait."""

T = TypeVar("T")


@dataclass(slots=True)
class Lane:
    namespace: str
    kafka: str
    mongodb_uri: str = field(repr=False)
    orgs: OrgProcess
    askers: Askers
    store: Store = field(repr=False)
    topics: Topics = field(repr=False)
    workers: list[Worker]
    to_kafka: FaultProxy
    to_orgs: FaultProxy
    key: str = field(repr=False)
    """That seals the tokens."""
    secrets: set[str] = field(default_factory=set, repr=False)
    metrics: dict[str, str] = field(default_factory=dict, repr=False)
    """What each worker told at the end."""

    async def connect(self, team: str, org: Org, grant: Grant = "client_credentials") -> None:
        """As `connections connect` does, without the second that a process takes."""
        given = org.credentials
        self.secrets |= {given["client_secret"], given["password"], given["access_token"]}
        authorization = await org.authorization(grant)
        self.secrets |= set(authorization.secret.values())
        stored = (await self.store.connections.load([(team, team)])).get((team, team))
        connection = Connection(
            team=team,
            org_id=authorization.org_id,
            instance_url=authorization.instance_url,
            login_url=given["login_url"],
            client_id=given["client_id"],
            grant=grant,
            secret=TokenCipher([self.key]).seal(team, authorization.secret),
            connected_at_ms=stored.connected_at_ms + 1 if stored else 1,
            rev=stored.rev if stored else 0,
        )
        assert not await self.store.connections.swap([connection])

    async def disconnect(self, *teams: str) -> None:
        """So that their sessions end."""
        left = set(teams)
        while left:  # a worker may refresh a token at the same time
            found = await self.store.connections.load([(team, team) for team in left])
            ended = [one.model_copy(update={"state": "disabled"}) for one in found.values()]
            left = {one.team for one in await self.store.connections.swap(ended)}

    def start_workers(self) -> None:
        for worker in self.workers:
            worker.start()

    def heal(self) -> None:
        """Whatever a run has left broken."""
        self.to_kafka.heal()
        self.to_orgs.heal()
        for worker in self.workers:
            worker.obey_no_more()
            worker.thaw()
            worker.start()

    async def settle(self) -> None:
        """Until each shard is somebody's: what an earlier run did to the workers is over."""
        await until(lambda: sum(worker.shards or 0 for worker in self.workers) == SHARDS, SETTLE_SECONDS, pause=0.1)
        assert self.to_kafka.connections, (
            "the workers' connections do not go through the proxies: no fault would reach them"
        )

    async def stop_workers(self) -> None:
        """In order; then everything that is committed is known."""
        self.heal()
        await until(lambda: all(worker.health_port for worker in self.workers), pause=0.1)
        for worker in self.workers:
            async with self.orgs.session.get(f"http://127.0.0.1:{worker.health_port}/metrics") as reply:
                self.metrics[worker.orders.log.name] = await reply.text()
        await asyncio.gather(*(asyncio.to_thread(worker.terminate) for worker in self.workers))
        await self.topics.read_to_the_end()

    @property
    def peak_rss_mb(self) -> float:
        return max(worker.peak_rss_mb for worker in self.workers)

    def measure_anew(self) -> None:
        for worker in self.workers:
            worker.peak_rss_mb = 0.0
            worker.measure()

    def deaths(self) -> list[str]:
        """Workers that ended although nobody ended them, since the last look."""
        found = []
        for worker in self.workers:
            found += [f"{worker.orders.log.name} ended by itself with status {status}" for status in worker.deaths]
            worker.deaths.clear()
        return found

    async def measure(self) -> None:
        """For ever."""
        while True:
            for worker in self.workers:
                worker.measure()
            await asyncio.sleep(MEASURE_SECONDS)

    async def leaks(self) -> list[str]:
        """O10, of logs, topics (what is parked is on one) and metrics."""
        texts = {f"the log {one.orders.log.name}": one.log_text for one in self.workers}
        texts |= {f"the metrics of {name}": text for name, text in self.metrics.items()}
        return leaks(texts | {"a topic": "\n".join(self.topics.texts)}, self.secrets)


@dataclass(frozen=True, slots=True)
class Site:
    """What all lanes stand on."""

    kafka: str
    forgetful_kafka: str
    mongodb_uri: str = field(repr=False)
    orgs: OrgProcess
    directory: Path
    askers: Askers
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One lane after the other."""


@asynccontextmanager
async def open_lane(
    site: Site,
    kafka: str,
    namespace: str,
    rng: random.Random,
    *,
    workers: int = 2,
    bugs: tuple[str, ...] = (),
    debug: bool = False,
    idle: bool = False,
) -> AsyncIterator[Lane]:
    """Topics and workers; both are gone afterwards. `debug`: they log all that they can; `idle`: see `Orders`."""
    key = generate_key()
    async with AsyncExitStack() as stack:
        async with site.opening:
            await _patiently(partial(ensure_topics, kafka, namespace, 1))
            stack.push_async_callback(_delete_topics, site, kafka, namespace)
            store = await _patiently(lambda: stack.enter_async_context(open_store(site.mongodb_uri, namespace)))
        to_kafka, kafka_port = await stack.enter_async_context(open_proxy(rng))
        to_orgs, orgs_port = await stack.enter_async_context(open_proxy(rng))
        network = Network({_address(kafka): kafka_port}, orgs_port)
        environment = _environment(site, kafka, namespace, key, debug=debug)
        made = [
            _worker(
                Orders(
                    ("capture",), environment, site.directory / f"{namespace}-{number}.log", network, bugs, idle=idle
                )
            )
            for number in range(workers)
        ]
        topics = await stack.enter_async_context(reading(kafka, namespace))
        lane = Lane(
            namespace,
            kafka,
            site.mongodb_uri,
            site.orgs,
            site.askers,
            store,
            topics,
            made,
            to_kafka,
            to_orgs,
            key,
        )
        measuring = asyncio.create_task(lane.measure())
        stack.callback(measuring.cancel)
        for worker in made:
            stack.callback(worker.kill)
        lane.start_workers()
        yield lane


def _worker(orders: Orders) -> Worker:
    return Worker(orders.order_file, orders=orders)


def _environment(site: Site, kafka: str, namespace: str, key: str, *, debug: bool) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "SEGMENT_SYNC_ENV_FILE"}
    return inherited | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_NAMESPACE": namespace,
        "MONGODB_URI": site.mongodb_uri,
        "MONGODB_DATABASE": namespace,
        "TOKEN_ENCRYPTION_KEYS": key,
        "SALESFORCE_ALLOW_LOOPBACK": "true",
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": "0",
        "LOG_LEVEL": "debug" if debug else "info",
    }


def _address(url: str) -> Address:
    host, _, port = url.rpartition("://")[2].rpartition(":")
    return host, int(port)


async def _patiently(make: Callable[[], Awaitable[T]]) -> T:
    """Raises Unavailable when the servers are not only slow."""
    for _ in range(OPEN_ATTEMPTS - 1):
        with suppress(Unavailable):
            return await make()
    return await make()


async def _delete_topics(site: Site, kafka: str, namespace: str) -> None:
    async with site.opening, admin(kafka) as client:
        await client.delete_topics([topic_name(namespace, topic) for topic in ALL])
