"""Routing against a bare aiokafka + pymongo loop that upserts the same documents: events/s, CPU and memory.

python benchmarks/bench_routing.py [--events 20000] [--rounds 2] [--sink-connector] [--save]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from pymongo import MongoClient

from benchmarks.results import environment, save
from benchmarks.routing_load import publish
from benchmarks.routing_sides import TEMPLATE
from benchmarks.sink_side import Connect, Missing, build, connect
from sandbox.stack import Endpoints, start_stack
from schemas.topics import ALL
from workers.adapters.kafka.topics import ensure_topics

SIDE_SECONDS = 180
MEASURES = ("events_per_second", "cpu_us_per_event", "peak_rss_mb")
TEMPLATE_EVENTS = 2000
SINK = "sink"

Side: TypeAlias = Callable[[str, str, str, int], dict[str, Any]]
"""Name, namespace, database, events."""


@dataclass(frozen=True, slots=True)
class Bench:
    endpoints: Endpoints
    events: int
    rounds: int
    driver: str
    workers: int
    connect: Connect | None = None

    def measure(self) -> dict[str, Any]:
        """A B A B: what changes on the machine meanwhile meets both sides."""
        namespace, value_bytes = self.prepared()
        sides: dict[str, Side] = {"routing": self.side, "bare": self.side}
        if self.connect is not None:
            self.connect.measure(namespace, f"{namespace}{SINK}", self.events)  # its code is compiled now
            sides[SINK] = partial(self.sink, self.connect)
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
        for number in range(self.rounds):
            for side, figures in runs.items():
                figures.append(sides[side](side, namespace, f"{namespace}{side}{number}", self.events))
                print(f"{side:8} {figures[-1]}", flush=True)
        return {
            "events": self.events,
            "workers": self.workers,
            "value_bytes": value_bytes,
            "runs": runs,
            "medians": medians(runs),
        }

    def prepared(self) -> tuple[str, int]:
        """The load in a topic of its own; and documents of routing's making for the bare loop to copy."""
        small = f"b{uuid.uuid4().hex[:8]}"
        namespace = f"b{uuid.uuid4().hex[:8]}"
        self.publish(small, TEMPLATE_EVENTS)
        self.side("routing", small, namespace + TEMPLATE, TEMPLATE_EVENTS)
        return namespace, self.publish(namespace, self.events)

    def publish(self, namespace: str, events: int) -> int:
        servers = self.endpoints.kafka_bootstrap_servers

        async def published() -> int:
            await ensure_topics(servers, namespace, replication_factor=1, topics=ALL)
            return await publish(servers, namespace, events)

        return asyncio.run(published())

    def side(self, side: str, namespace: str, database: str, events: int) -> dict[str, Any]:
        found = self.endpoints
        command = [sys.executable, "-m", "benchmarks.routing_sides", side, found.kafka_bootstrap_servers]
        arguments = [found.mongodb_uri, namespace, database, str(events), self.driver, str(self.workers)]
        ended = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=SIDE_SECONDS, check=False
        )
        if ended.returncode:
            raise SystemExit(f"{side} failed: {ended.stderr[-2000:]}")
        return {**json.loads(ended.stdout), "documents": self.documents(database)}

    def sink(self, connect: Connect, side: str, namespace: str, database: str, events: int) -> dict[str, Any]:
        return connect.measure(namespace, database, events, tasks=self.workers)

    def documents(self, database: str) -> dict[str, list[int]]:
        """Number and mean size in bytes: shows that both sides wrote the same."""
        with MongoClient[dict[str, Any]](self.endpoints.mongodb_uri) as client:
            stats = {name: client[database].command("collstats", name) for name in ("records", "people")}
        return {name: [each["count"], round(each["avgObjSize"])] for name, each in stats.items()}


def medians(runs: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    found = {
        side: {name: median(each[name] for each in figures) for name in MEASURES} for side, figures in runs.items()
    }
    ratios = {
        f"routing / {peer}": {name: round(found["routing"][name] / found[peer][name], 2) for name in MEASURES}
        for peer in found
        if peer != "routing"
    }
    return found | ratios


@contextmanager
def sink_connector(endpoints: Endpoints, directory: Path, *, wanted: bool) -> Iterator[Connect | None]:
    if not wanted:
        yield None
        return
    try:
        classpath = build()
    except Missing as missing:
        print(missing)
        yield None
        return
    with connect(classpath, endpoints, directory) as running:
        yield running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--driver", choices=("pymongo", "motor"), default="pymongo", help="of routing")
    parser.add_argument(
        "--workers", type=int, default=1, help="processes of routing and of the bare loop, tasks of the sink"
    )
    parser.add_argument(
        "--sink-connector", action="store_true", help="beside MongoDB's sink connector (Java 17 and Maven)"
    )
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/routing.json")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a new topic has no leader yet: tried again, and told
    with tempfile.TemporaryDirectory() as directory, start_stack(Path(directory)) as stack:
        where = environment(stack.endpoints)
        with sink_connector(stack.endpoints, Path(directory), wanted=options.sink_connector) as running:
            result = Bench(
                stack.endpoints, options.events, options.rounds, options.driver, options.workers, running
            ).measure()
    print(f"{options.events} events of {result['value_bytes']} bytes on {where['cpu']}, load {where['load_before']}")
    for side, figures in result["medians"].items():
        print(f"{side:15} " + "  ".join(f"{name} {value:g}" for name, value in figures.items()))
    if options.save:
        print(f"kept in {save('routing', {'environment': where, **result})}")


if __name__ == "__main__":
    main()
