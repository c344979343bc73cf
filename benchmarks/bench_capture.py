"""Capture: change events of one org into committed Kafka transactions by one worker process, pinned to one core.

python benchmarks/bench_capture.py [--events 40000] [--rate 200] [--seconds 20] [--teams 1000] [--orgs 1] [--fairness]
    [--camel] [--save]

`backlog`: the events wait in the org when the worker connects. `steady`: they are committed in the org at a rate.
`idle`: many teams are connected, and nothing happens in their orgs. `--fairness`: how long changes of a quiet team take
alone, and beside a team of the same shard with 1,000 times its traffic. `--camel`: backlog and steady rate by turns
with Apache Camel's Salesforce consumer to Kafka, of which the first half of each backlog is left out: until then its
code is being compiled.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import uuid
from asyncio.subprocess import Process
from collections import Counter
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks import camel_side, capture_fairness, capture_idle
from benchmarks.capture_process import WORKER_CORE, finished, start_worker
from benchmarks.results import environment, save
from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve
from sandbox.stack import start_stack
from schemas.events import Change
from schemas.topics import CHANGES, Topic
from workers.adapters.kafka.topics import ensure_topics, topic_name

CONTACTS = 500
ROUNDS_WITH_CAMEL = 3
WARMUP_SECONDS = 10
"""Of the steady rate: what happened until a worker is connected comes at once."""

CAMEL_TOPIC = Topic("camel.contact.changes", CHANGES["contact"].partitions, "delete")
PER_TRANSACTION = 50
"""Changes that the org commits together: each is an event of its own."""

LONG_TEXT = "Met at the conference; asked for the price list of the larger plan. " * 2


class Bench:
    def __init__(self, sandbox: RunningOrg, servers: str, camel_classpath: str | None = None) -> None:
        self._sandbox = sandbox
        self._camel = camel_classpath
        self._servers = servers
        self._namespace = f"b{uuid.uuid4().hex[:8]}"
        self._contacts = [str(row["Id"]) for row in sandbox.org.rows("Contact")]
        self._written = 0

    async def updates(self, events: int, rate: float, seconds: float) -> dict[str, Any]:
        await ensure_topics(self._servers, self._namespace, 1)
        await self._connect_once()
        rounds = [await self._backlog(events) for _ in range(ROUNDS_WITH_CAMEL if self._camel else 1)]
        worker = await self._worker(int(rate * seconds), warmup=int(rate * WARMUP_SECONDS))
        await self._write_at(rate, worker)
        result = {"backlog": rounds, "steady": {"rate": rate, **await finished(worker)}}
        await self._verify()
        if self._camel:
            result |= await self._beside_camel(rounds, rate, seconds)
        return result

    async def _backlog(self, events: int) -> dict[str, Any]:
        """Of the worker, and of Camel with the same events."""
        before = self._sandbox.org.events.tip
        self._write_all(events)
        # What the last worker had not committed yet comes again to this one.
        figures = {"worker": await finished(await self._worker(events))}
        if self._camel:
            warmup = events // 2
            figures["camel"] = await finished(await self._camel_from(before, warmup, events - warmup))
        return figures

    async def _beside_camel(self, rounds: list[dict[str, Any]], rate: float, seconds: float) -> dict[str, Any]:
        tip = self._sandbox.org.events.tip
        camel = await self._camel_from(tip, int(rate * WARMUP_SECONDS), int(rate * seconds))
        await self._write_at(rate, camel)
        ratios = [one["worker"]["updates_per_second"] / one["camel"]["updates_per_second"] for one in rounds]
        return {
            "camel_steady": {"rate": rate, **await finished(camel)},
            "worker_to_camel": [round(ratio, 2) for ratio in ratios],
        }

    async def _camel_from(self, replay_id: int, warmup: int, events: int) -> Process:
        assert self._camel is not None
        await ensure_topics(self._servers, self._namespace, 1, [CAMEL_TOPIC])
        config = self._sandbox.org.config
        place = camel_side.Place(
            self._sandbox.base_url,
            config.client_id,
            config.client_secret,
            self._servers,
            topic_name(self._namespace, CAMEL_TOPIC),
        )
        return await camel_side.start(
            self._camel, place, replay_id=replay_id, warmup=warmup, events=events, core=WORKER_CORE
        )

    async def _connect_once(self) -> None:
        """So that there is a position from which the measured workers go on."""
        worker = await self._worker(1)
        while worker.returncode is None:
            self._write(1)
            await asyncio.sleep(0.5)
        await finished(worker)

    async def _worker(self, number: int, what: str = "updates", warmup: int = 0) -> Process:
        config = self._sandbox.org.config
        arguments = [self._sandbox.base_url, config.client_id, config.client_secret, self._servers, self._namespace]
        return await start_worker("capture_side", what, *arguments, str(number), str(warmup))

    def _write_all(self, events: int) -> None:
        for _ in range(events // PER_TRANSACTION):
            self._write(PER_TRANSACTION)

    async def _write_at(self, rate: float, worker: Process) -> None:
        began, written = time.perf_counter(), 0
        while worker.returncode is None:
            if written < (time.perf_counter() - began) * rate:
                self._write(1)
                written += 1
            await asyncio.sleep(0.5 / rate)

    def _write(self, count: int) -> None:
        writes = [self._update() for _ in range(count)]
        results = self._sandbox.org.commit(writes, Actor(self._sandbox.org.admin_user_id, "rest", "Bench"))
        assert all(result.success for result in results), results

    def _update(self) -> Write:
        self._written += 1
        record_id = self._contacts[self._written % len(self._contacts)]
        fields: dict[str, object] = {
            "Title": f"T{self._written}",
            "Phone": f"+49 40 {self._written}",
            "Description": LONG_TEXT,
        }
        return Write("update", "Contact", record_id, fields)

    async def _verify(self) -> None:
        """Every update that the org announced is in the topics once, up to where the last worker came."""
        seen: Counter[str] = Counter()
        topic = CHANGES["contact"]
        partitions = [TopicPartition(topic_name(self._namespace, topic), n) for n in range(topic.partitions)]
        async with AIOKafkaConsumer(
            bootstrap_servers=self._servers, isolation_level="read_committed", auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(p) < ends[p] for p in partitions]):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    changes = (Change.model_validate_json(record.value) for record in records)
                    seen.update(str(change.fields.get("Title")) for change in changes if change.kind == "update")
        numbers = {int(title[1:]) for title in seen}
        missing = set(range(min(numbers), max(numbers) + 1)) - numbers
        if missing or max(seen.values()) > 1:
            raise SystemExit(f"{len(missing)} updates are missing, some came {max(seen.values())} times")


async def measure(servers: str, options: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if options.events:
        config = OrgConfig(connect_timeout_seconds=5, contacts=CONTACTS, leads=10, accounts=10)
        async with await serve(config) as sandbox:
            bench = Bench(sandbox, servers, classpath_of_camel() if options.camel else None)
            result |= await bench.updates(options.events, options.rate, options.seconds)
    if options.teams:
        result["idle"] = await capture_idle.measure(servers, options.teams, options.orgs)
    if options.fairness:
        result["fairness"] = await capture_fairness.measure(servers, options.seconds)
    return result


def classpath_of_camel() -> str | None:
    try:
        return camel_side.build()
    except camel_side.Missing as missing:
        print(missing)
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=40_000, help="0: neither backlog nor steady rate")
    parser.add_argument("--rate", type=float, default=200.0, help="events per second in the steady part")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--teams", type=int, default=1000, help="0: no idle teams")
    parser.add_argument("--orgs", type=int, default=1, help="over which the idle teams are spread")
    parser.add_argument("--fairness", action="store_true", help="a quiet team alone, then beside a busy one")
    parser.add_argument("--camel", action="store_true", help="beside Apache Camel (Java 17 and Maven)")
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/capture.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, start_stack(Path(directory) / "stack") as stack:
        where = environment(stack.endpoints)
        result = asyncio.run(measure(stack.endpoints.kafka_bootstrap_servers, options))
    print(f"on {where['cpu']}, load {where['load_before']}")
    for name, figures in result.items():
        print(f"{name}: {figures}")
    if options.save:
        print(f"kept in {save('capture', {'environment': where, **result})}")


if __name__ == "__main__":
    main()
