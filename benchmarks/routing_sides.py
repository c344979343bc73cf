"""The two sides of the routing benchmark, each run as a process of its own: its CPU time and memory are its own.

    python -m benchmarks.routing_sides routing|bare BOOTSTRAP_SERVERS MONGODB_URI NAMESPACE DATABASE EVENTS DRIVER

prints one JSON line. Timed from the first batch to the last one's being written: starting and joining a group are not.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import orjson
from aiokafka import AIOKafkaConsumer
from pymongo import AsyncMongoClient, ReplaceOne

from benchmarks.memory import peak_rss_mb
from benchmarks.routing_load import RULES, TEAM, TOPIC
from workers.adapters.kafka.processor import FaustProcessor
from workers.adapters.kafka.publisher import KafkaPublisher
from workers.adapters.kafka.transport import BATCH_MESSAGES
from workers.adapters.mongo import open_store
from workers.adapters.mongo.driver import Driver
from workers.adapters.mongo.errors import ErrorTable
from workers.adapters.mongo.store import ensure_indexes, hosts_of
from workers.ports import Handler, Message
from workers.routing.worker import TOPICS, Routing
from workers.runtime.process import SystemClock, collect_seldom

STUCK_SECONDS = 120
TEMPLATE = "template"
"""The database in which a first run of routing left the documents that the bare loop writes again."""


@dataclass(frozen=True, slots=True)
class Figures:
    seconds: float
    events_per_second: float
    cpu_us_per_event: float
    peak_rss_mb: float


class Meter:
    """Starts with the first event and is full after the last one."""

    def __init__(self, events: int) -> None:
        self._wanted = events
        self._seen = 0
        self._since: tuple[float, float] | None = None
        self._until: tuple[float, float] | None = None
        self.full = asyncio.Event()

    def begin(self) -> None:
        self._since = self._since or (time.perf_counter(), time.process_time())

    def add(self, events: int) -> None:
        self._seen += events
        if self._seen >= self._wanted:
            self._until = (time.perf_counter(), time.process_time())
            self.full.set()

    def figures(self) -> Figures:
        assert self._since is not None
        assert self._until is not None
        seconds, cpu_seconds = (until - since for since, until in zip(self._since, self._until, strict=True))
        return Figures(
            seconds=round(seconds, 2),
            events_per_second=round(self._seen / seconds),
            cpu_us_per_event=round(cpu_seconds / self._seen * 1e6),
            peak_rss_mb=peak_rss_mb(),
        )


class MeteredProcessor:
    """The real processor, with a meter between it and routing."""

    def __init__(self, processor: FaustProcessor, meter: Meter) -> None:
        self._processor = processor
        self._meter = meter

    @property
    def ready(self) -> bool:
        return self._processor.ready

    async def run(self, handle: Handler, stop: asyncio.Event) -> None:
        async def metered(messages: Sequence[Message]) -> None:
            self._meter.begin()
            await handle(messages)
            self._meter.add(sum(message.topic == TOPIC.name for message in messages))

        await self._processor.run(metered, stop)


async def routing(servers: str, uri: str, namespace: str, database: str, driver: Driver, meter: Meter) -> None:
    collect_seldom()
    publisher = KafkaPublisher(servers, namespace)
    await publisher.start()
    try:
        async with open_store(uri, database, driver) as store:
            await store.rule_sets.swap([RULES])
            processor = MeteredProcessor(FaustProcessor(servers, database, TOPICS, namespace), meter)
            await Routing(store, publisher, SystemClock()).run(processor, meter.full)
    finally:
        await publisher.stop()


async def bare(servers: str, uri: str, namespace: str, database: str, _: Driver, meter: Meter) -> None:
    """No merge, no rules, no compare-and-swap: parse, fill in, upsert, commit. The indexes are those of routing."""
    consumer = AIOKafkaConsumer(
        namespace + TOPIC.name,
        bootstrap_servers=servers,
        group_id=namespace + database,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with AsyncMongoClient[dict[str, Any]](uri, w="majority") as client:
        copied = await templates(client[namespace + TEMPLATE])
        await ensure_indexes(client[database], ErrorTable(hosts_of(uri)))
        await consumer.start()
        try:
            while not meter.full.is_set():
                batch = await consumer.getmany(timeout_ms=1000, max_records=BATCH_MESSAGES)
                messages = [message for part in batch.values() for message in part]
                if not messages:
                    continue
                meter.begin()
                await upsert(client[database], [orjson.loads(m.value) for m in messages], copied)
                await consumer.commit({tp: part[-1].offset + 1 for tp, part in batch.items()})
                meter.add(len(messages))
        finally:
            await consumer.stop()


async def templates(database: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Records and their people as routing writes them, so that the bare loop's have the same keys and sizes."""
    people = {next(iter(person["contributions"])): person async for person in database.people.find({"team": TEAM})}
    return [(record, people[record["record_id"]]) async for record in database.records.find({"team": TEAM})]


async def upsert(database: Any, events: list[dict[str, Any]], templates: list[Any]) -> None:
    newest = {event["record_id"]: event for event in events}
    records, people = [], []
    for record_id, event in newest.items():
        record, person = templates[int(record_id[3:15]) % len(templates)]
        id_ = f"{TEAM}:{record_id}"
        fields = record["fields"] | event["fields"]
        records.append(ReplaceOne({"_id": id_}, {**record, "_id": id_, "fields": fields}, upsert=True))
        people.append(ReplaceOne({"_id": id_}, {**person, "_id": id_}, upsert=True))
    await database.records.bulk_write(records, ordered=False)
    await database.people.bulk_write(people, ordered=False)


SIDES = {"routing": routing, "bare": bare}


async def run(side: str, servers: str, uri: str, namespace: str, database: str, events: int, driver: Driver) -> Figures:
    meter = Meter(events)
    async with asyncio.timeout(STUCK_SECONDS):
        await SIDES[side](servers, uri, namespace, database, driver, meter)
    return meter.figures()


def main(arguments: list[str]) -> None:
    side, servers, uri, namespace, database, events, driver = arguments
    figures = asyncio.run(run(side, servers, uri, namespace, database, int(events), cast("Driver", driver)))
    print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main(sys.argv[1:])
