"""Memory of a routing worker under a steady load: its RSS minute by minute.

python benchmarks/bench_memory.py [--minutes 60] [--rate 200] [--backlog 30000] [--save]

The worker is the real process, beside Kafka and mongod. It finds a backlog, so that all that a process ever keeps
waiting is there from the first minute on, as after any interruption; the steady load follows. A tenth of the events
create a contact, the others edit one; all of them have to be in MongoDB at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer

from benchmarks.results import environment, save
from benchmarks.routing_load import RULES, TEAM, TOPIC, change, contact, edited
from sandbox.stack import Endpoints, start_stack
from schemas.events import Change
from schemas.topics import ALL
from workers.adapters.kafka.topics import ensure_topics
from workers.adapters.mongo import open_store
from workers.adapters.secrets import generate_key
from workers.ports import Store

NAMESPACE = "memory"
CREATED_EVERY = 10
MINUTE_SECONDS = 60.0
TICK_SECONDS = 0.1
CATCH_UP_SECONDS = 120.0


def steady_changes(seed: int = 7) -> Iterator[Change]:
    rng = random.Random(seed)
    created = 0
    for number in itertools.count():
        if number % CREATED_EVERY == 0:
            yield change("create", created, number, contact(created, rng))
            created += 1
        else:
            yield change("update", rng.randrange(created), number, edited(number, rng))


async def publish(producer: AIOKafkaProducer, changes: Iterator[Change], events: int) -> None:
    for each in itertools.islice(changes, events):
        key = f"{each.team}:{each.record_id}".encode()
        await producer.send(NAMESPACE + TOPIC.name, each.model_dump_json().encode(), key=key)


async def publish_at(producer: AIOKafkaProducer, changes: Iterator[Change], rate: int, seconds: float) -> int:
    """Events published; late ones are made up for, so that the rate holds over the whole."""
    began, sent = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(passed * rate) - sent
        await publish(producer, changes, due)
        sent += due
        await asyncio.sleep(TICK_SECONDS)
    return sent


async def caught_up(store: Store, contacts: int) -> bool:
    """Whether the last contact that was created has become a person."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while time.monotonic() < deadline:
        if await store.people_queries.count(TEAM) == contacts:
            return True
        await asyncio.sleep(1)
    return False


async def measure(endpoints: Endpoints, minutes: int, rate: int, backlog: int) -> dict[str, Any]:
    servers = endpoints.kafka_bootstrap_servers
    await ensure_topics(servers, NAMESPACE, replication_factor=1, topics=ALL)
    producer, changes = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=20), steady_changes()
    async with open_store(endpoints.mongodb_uri, NAMESPACE) as store:
        await store.rule_sets.swap([RULES])
        await producer.start()
        try:
            await publish(producer, changes, backlog)
            async with routing(endpoints) as process_id:
                sizes, sent = await minute_by_minute(process_id, producer, changes, minutes, rate)
                complete = await caught_up(store, -(-(backlog + sent) // CREATED_EVERY))
        finally:
            await producer.stop()
    return {
        "minutes": minutes,
        "rate": rate,
        "backlog": backlog,
        "events": sent,
        "complete": complete,
        "rss_mb": sizes,
        **trend(sizes),
    }


@asynccontextmanager
async def routing(endpoints: Endpoints) -> AsyncIterator[int]:
    """The id of the process."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", "routing"), env=os.environ | settings(endpoints)
    )
    try:
        yield worker.pid
    finally:
        worker.terminate()
        await worker.wait()


async def minute_by_minute(
    process_id: int, producer: AIOKafkaProducer, changes: Iterator[Change], minutes: int, rate: int
) -> tuple[list[float], int]:
    sizes, sent = list[float](), 0
    for minute in range(1, minutes + 1):
        sent += await publish_at(producer, changes, rate, MINUTE_SECONDS)
        sizes.append(round(psutil.Process(process_id).memory_info().rss / 2**20, 1))
        print(f"minute {minute:3}: {sent:8} events, {sizes[-1]} MB", flush=True)
    return sizes, sent


def trend(sizes: list[float]) -> dict[str, float]:
    """The first quarter is warming up; of the rest the first half against the last."""
    warm = sizes[len(sizes) // 4 :]
    middle = max(1, len(warm) // 2)
    return {"early_mb": median(warm[:middle]), "late_mb": median(warm[middle:] or warm), "peak_mb": max(sizes)}


def settings(endpoints: Endpoints) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": endpoints.kafka_bootstrap_servers,
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_NAMESPACE": NAMESPACE,
        "MONGODB_URI": endpoints.mongodb_uri,
        "MONGODB_DATABASE": NAMESPACE,
        "TOKEN_ENCRYPTION_KEYS": generate_key(),
        "LOG_LEVEL": "warning",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rate", type=int, default=200, help="events a second")
    parser.add_argument("--backlog", type=int, default=30_000, help="events that wait when the process starts")
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/memory.json")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a new topic has no leader yet: tried again, and told
    with tempfile.TemporaryDirectory() as directory, start_stack(Path(directory)) as stack:
        where = environment(stack.endpoints)
        result = asyncio.run(measure(stack.endpoints, options.minutes, options.rate, options.backlog))
    print({name: value for name, value in result.items() if name != "rss_mb"})
    if options.save:
        print(f"kept in {save('memory', {'environment': where, **result})}")


if __name__ == "__main__":
    main()
