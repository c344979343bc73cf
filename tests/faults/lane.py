"""A namespace of topics with workers of its own, in which runs are played one after the other or at once."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.stack import Endpoints
from schemas.documents import Connection
from schemas.topics import ALL
from tests.faults.child import Address, Network, Orders
from tests.faults.oracles import leaks
from tests.faults.orgs import Org, OrgProcess
from tests.faults.proxy import FaultProxy, open_proxy
from tests.faults.reading import Topics, reading
from tests.faults.worker import Worker
from workers.adapters.kafka.topics import admin, ensure_topics, topic_name
from workers.adapters.mongo import open_store
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.secrets import TokenCipher, generate_key
from workers.ports import Store, Unavailable

MEASURE_SECONDS = 0.5

TOPIC_ATTEMPTS = 5
"""A broker that makes a hundred partitions on a busy machine may take longer than its client waits."""


@dataclass(slots=True)
class Lane:
    namespace: str
    kafka: str
    mongodb_uri: str = field(repr=False)
    orgs: OrgProcess
    store: Store = field(repr=False)
    topics: Topics = field(repr=False)
    workers: list[Worker]
    to_kafka: FaultProxy
    to_orgs: FaultProxy
    cipher: TokenCipher = field(repr=False)
    secrets: set[str] = field(default_factory=set, repr=False)

    async def connect(self, team: str, org: Org) -> None:
        """As `connections connect --client-credentials` does, without the second that a process takes."""
        given = org.credentials
        self.secrets |= {given["client_secret"], given["password"], given["access_token"]}
        authorization = await client_credentials(
            self.orgs.session,
            given["login_url"],
            client_id=given["client_id"],
            client_secret=given["client_secret"],
            allow_insecure_loopback=True,
        )
        connection = Connection(
            team=team,
            org_id=authorization.org_id,
            instance_url=authorization.instance_url,
            login_url=given["login_url"],
            client_id=given["client_id"],
            grant="client_credentials",
            secret=self.cipher.seal(team, authorization.secret),
            connected_at_ms=1,
        )
        assert not await self.store.connections.swap([connection])

    async def disconnect(self, team: str) -> None:
        """So that its session ends."""
        found = await self.store.connections.load([(team, team)])
        ended = [one.model_copy(update={"state": "disabled"}) for one in found.values()]
        await self.store.connections.swap(ended)

    def start_workers(self) -> None:
        for worker in self.workers:
            worker.start()

    def heal(self) -> None:
        """Whatever a run has left broken."""
        self.to_kafka.heal()
        self.to_orgs.heal()
        for worker in self.workers:
            worker.thaw()
            worker.start()

    async def stop_workers(self) -> None:
        """In order; then everything that is committed is known."""
        self.heal()
        await asyncio.gather(*(asyncio.to_thread(worker.terminate) for worker in self.workers))
        await self.topics.read_to_the_end()

    @property
    def peak_rss_mb(self) -> float:
        return max(worker.peak_rss_mb for worker in self.workers)

    async def measure(self) -> None:
        """For ever."""
        while True:
            for worker in self.workers:
                worker.measure()
            await asyncio.sleep(MEASURE_SECONDS)

    async def leaks(self) -> list[str]:
        """O10, of logs and topics."""
        texts = {f"the log {one.orders.log.name}": one.orders.log.read_text(errors="replace") for one in self.workers}
        return leaks(texts | {"a topic": "\n".join(self.topics.texts)}, self.secrets)


@dataclass(frozen=True, slots=True)
class Site:
    """What all lanes stand on."""

    endpoints: Endpoints
    orgs: OrgProcess
    directory: Path
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One lane after the other: topics of many at once take a broker longer than their creator waits."""


@asynccontextmanager
async def open_lane(
    site: Site, namespace: str, rng: random.Random, *, workers: int = 2, bugs: tuple[str, ...] = ()
) -> AsyncIterator[Lane]:
    """Topics and workers; both are gone afterwards."""
    kafka = site.endpoints.kafka_bootstrap_servers
    key = generate_key()
    async with AsyncExitStack() as stack:
        await _make_topics(site, namespace)
        stack.push_async_callback(_delete_topics, site, namespace)
        store = await stack.enter_async_context(open_store(site.endpoints.mongodb_uri, namespace))
        to_kafka, kafka_port = await stack.enter_async_context(open_proxy(rng))
        to_orgs, orgs_port = await stack.enter_async_context(open_proxy(rng))
        network = Network({_address(kafka): kafka_port}, orgs_port)
        environment = _environment(site, namespace, key)
        made = [
            Worker(Orders(("capture",), environment, site.directory / f"{namespace}-{number}.log", network, bugs))
            for number in range(workers)
        ]
        topics = await stack.enter_async_context(reading(kafka, namespace))
        lane = Lane(
            namespace,
            kafka,
            site.endpoints.mongodb_uri,
            site.orgs,
            store,
            topics,
            made,
            to_kafka,
            to_orgs,
            TokenCipher([key]),
        )
        measuring = asyncio.create_task(lane.measure())
        stack.callback(measuring.cancel)
        for worker in made:
            stack.callback(worker.kill)
        lane.start_workers()
        yield lane


def _environment(site: Site, namespace: str, key: str) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "SEGMENT_SYNC_ENV_FILE"}
    return inherited | {
        "KAFKA_BOOTSTRAP_SERVERS": site.endpoints.kafka_bootstrap_servers,
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_NAMESPACE": namespace,
        "MONGODB_URI": site.endpoints.mongodb_uri,
        "MONGODB_DATABASE": namespace,
        "TOKEN_ENCRYPTION_KEYS": key,
        "SALESFORCE_ALLOW_LOOPBACK": "true",
        "LOG_LEVEL": "info",
    }


def _address(url: str) -> Address:
    host, _, port = url.rpartition("://")[2].rpartition(":")
    return host, int(port)


async def _make_topics(site: Site, namespace: str) -> None:
    async with site.opening:
        for left in reversed(range(TOPIC_ATTEMPTS)):
            try:
                await ensure_topics(site.endpoints.kafka_bootstrap_servers, namespace, 1)
            except Unavailable:
                if not left:
                    raise
            else:
                return


async def _delete_topics(site: Site, namespace: str) -> None:
    async with site.opening, admin(site.endpoints.kafka_bootstrap_servers) as client:
        await client.delete_topics([topic_name(namespace, topic) for topic in ALL])
