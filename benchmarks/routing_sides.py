"""The two sides of the routing benchmark, each run as processes of its own: its CPU time and memory are its own.

    python -m benchmarks.routing_sides routing|bare SERVERS MONGODB_URI NAMESPACE DATABASE EVENTS DRIVER WORKERS

prints one JSON line. Timed from the first batch to the last one's being written: starting and joining a group are not,
and several workers begin when each of them has partitions.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.sharedctypes import SynchronizedArray
from typing import Any, cast

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
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
LOOK_SECONDS = 0.005
TEMPLATE = "template"
"""The database in which a first run of routing left the documents that the bare loop writes again."""


@dataclass(frozen=True, slots=True)
class Figures:
    seconds: float
    events_per_second: float
    cpu_us_per_event: float
    peak_rss_mb: float


@dataclass(frozen=True, slots=True)
class Shared:
    """What the workers of a side know of each other."""

    done: SynchronizedArray[int]
    """By partition: the offset after its last event that is written, so that no event counts twice."""
    joined: SynchronizedArray[int]
    """By worker: whether it has partitions."""


@dataclass(frozen=True, slots=True)
class Span:
    """Of one worker; the clock is that of the machine."""

    since: float
    until: float
    cpu_seconds: float
    peak_rss_mb: float


class Meter:
    """Starts with the worker's first event and is full after the last one of all workers."""

    def __init__(self, events: int, shared: Shared, worker: int) -> None:
        self._wanted = events
        self._shared = shared
        self._worker = worker
        self._since: tuple[float, float] | None = None
        self.full = asyncio.Event()

    @property
    def share(self) -> range:
        """Of the partitions, for who is not given any by a group."""
        return range(self._worker, len(self._shared.done), len(self._shared.joined))

    async def begin(self) -> None:
        self._shared.joined[self._worker] = 1
        while not all(self._shared.joined[:]):  # noqa: ASYNC110 - other processes set no event of this loop
            await asyncio.sleep(LOOK_SECONDS)
        self._since = self._since or (time.perf_counter(), time.process_time())

    def add(self, messages: Iterable[Any]) -> None:
        with self._shared.done.get_lock():
            for message in messages:
                self._shared.done[message.partition] = max(self._shared.done[message.partition], message.offset + 1)

    async def filled(self) -> Span:
        """Of a topic that holds nothing else."""
        while sum(self._shared.done[:]) < self._wanted:  # noqa: ASYNC110 - other processes set no event of this loop
            await asyncio.sleep(LOOK_SECONDS)
        until = time.perf_counter(), time.process_time()
        self.full.set()
        since = self._since or until
        return Span(since[0], until[0], until[1] - since[1], peak_rss_mb())


def figures_of(spans: Sequence[Span], events: int) -> Figures:
    seconds = max(span.until for span in spans) - min(span.since for span in spans)
    return Figures(
        seconds=round(seconds, 2),
        events_per_second=round(events / seconds),
        cpu_us_per_event=round(sum(span.cpu_seconds for span in spans) / events * 1e6),
        peak_rss_mb=sum(span.peak_rss_mb for span in spans),
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
            await self._meter.begin()
            await handle(messages)
            self._meter.add(message for message in messages if message.topic == TOPIC.name)

        await self._processor.run(metered, stop)


async def routing(servers: str, uri: str, namespace: str, database: str, driver: Driver, meter: Meter) -> None:
    collect_seldom()
    publisher = KafkaPublisher(servers, namespace)
    await publisher.start()
    try:
        async with open_store(uri, database, driver) as store:
            await store.rule_sets.swap([RULES])  # the first worker's is kept
            processor = MeteredProcessor(FaustProcessor(servers, database, TOPICS, namespace), meter)
            await Routing(store, publisher, SystemClock()).run(processor, meter.full)
    finally:
        await publisher.stop()


async def bare(servers: str, uri: str, namespace: str, database: str, _: Driver, meter: Meter) -> None:
    """No merge, no rules, no compare-and-swap: parse, fill in, upsert, commit. The indexes are those of routing."""
    consumer = AIOKafkaConsumer(
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
        consumer.assign([TopicPartition(namespace + TOPIC.name, partition) for partition in meter.share])
        try:
            while not meter.full.is_set():
                batch = await consumer.getmany(timeout_ms=1000, max_records=BATCH_MESSAGES)
                messages = [message for part in batch.values() for message in part]
                if not messages:
                    continue
                await meter.begin()
                await upsert(client[database], [orjson.loads(m.value) for m in messages], copied)
                await consumer.commit({tp: part[-1].offset + 1 for tp, part in batch.items()})
                meter.add(messages)
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


@dataclass(frozen=True, slots=True)
class Run:
    side: str
    servers: str
    uri: str
    namespace: str
    database: str
    events: int
    driver: Driver

    async def carried_out(self, meter: Meter) -> Span:
        async with asyncio.timeout(STUCK_SECONDS), asyncio.TaskGroup() as tasks:
            span = tasks.create_task(meter.filled())
            await SIDES[self.side](self.servers, self.uri, self.namespace, self.database, self.driver, meter)
        return span.result()


def work(run: Run, shared: Shared, worker: int, spans: Any) -> None:
    in_a_loop = uvloop.run if run.side == "routing" else asyncio.run  # what each would be run by
    spans.put(in_a_loop(run.carried_out(Meter(run.events, shared, worker))))


def measured(run: Run, workers: int) -> Figures:
    spawning = multiprocessing.get_context("spawn")
    shared = Shared(spawning.Array("q", TOPIC.partitions), spawning.Array("q", workers))
    spans = spawning.SimpleQueue()
    others = [spawning.Process(target=work, args=(run, shared, n, spans), daemon=True) for n in range(1, workers)]
    for other in others:
        other.start()
    work(run, shared, 0, spans)
    for other in others:
        other.join(STUCK_SECONDS)
        if other.exitcode:
            raise SystemExit(f"a worker ended with {other.exitcode}")
    return figures_of([spans.get() for _ in range(workers)], run.events)


def main(arguments: list[str]) -> None:
    side, servers, uri, namespace, database, events, driver, workers = arguments
    run = Run(side, servers, uri, namespace, database, int(events), cast("Driver", driver))
    print(json.dumps(asdict(measured(run, int(workers)))))


if __name__ == "__main__":
    main(sys.argv[1:])
