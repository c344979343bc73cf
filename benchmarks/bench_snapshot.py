"""First import: the contacts of one org into committed Kafka transactions, by one worker process.

python benchmarks/bench_snapshot.py [--contacts 1000000] [--singer] [--save]

The org has the first core, the worker the second; Kafka takes what they leave. `--singer`: then the same org through
the Bulk export of Singer's tap, on the second core as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks import singer_side
from benchmarks.org_client import org_process
from benchmarks.results import environment, save
from sandbox.org.config import OrgConfig
from sandbox.stack import start_stack
from schemas.events import Change
from schemas.topics import CHANGES
from workers.adapters.kafka.topics import ensure_topics, topic_name


def measure(servers: str, contacts: int, directory: Path, *, singer: bool) -> dict[str, Any]:
    namespace = f"b{uuid.uuid4().hex[:8]}"
    asyncio.run(ensure_topics(servers, namespace, 1))
    settings = {"contacts": contacts, "connect_timeout_seconds": 5}
    config = OrgConfig(connect_timeout_seconds=5, contacts=contacts)
    with org_process(**settings) as org:
        before_seconds = org.cpu_seconds()
        figures = run_worker(org.base_url, config, servers, namespace, contacts)
        figures["org_cpu_seconds"] = round(org.cpu_seconds() - before_seconds, 1)
        figures["org_load_seconds"] = org.load_seconds
        tap = exported(org.base_url, config, directory) if singer else None
    found = asyncio.run(imported(servers, namespace))
    if found != contacts:
        raise SystemExit(f"{found} different contacts are in the topic, of {contacts}")
    if tap is None:
        return figures
    if tap["records"] != contacts:
        raise SystemExit(f"the tap found {tap['records']} contacts of {contacts}")
    return {"worker": figures, "singer": tap, "worker_to_singer": round(tap["seconds"] / figures["seconds"], 2)}


def exported(org_url: str, config: OrgConfig, directory: Path) -> dict[str, Any] | None:
    try:
        singer_side.install()
    except singer_side.Missing as missing:
        print(missing)
        return None
    return singer_side.export(org_url, config.client_id, config.client_secret, directory)


def run_worker(org_url: str, config: OrgConfig, servers: str, namespace: str, contacts: int) -> dict[str, Any]:
    arguments = [org_url, config.client_id, config.client_secret, servers, namespace, str(contacts)]
    worker = subprocess.run(
        [
            *(["taskset", "-c", "1"] if hasattr(os, "sched_setaffinity") else []),
            *(sys.executable, "-m", "benchmarks.snapshot_side", *arguments),
        ],
        stdout=subprocess.PIPE,
        check=True,
    )
    result: dict[str, Any] = json.loads(worker.stdout.splitlines()[-1])
    return result


async def imported(servers: str, namespace: str) -> int:
    """Different records in the topic of contacts."""
    topic = CHANGES["contact"]
    partitions = [TopicPartition(topic_name(namespace, topic), number) for number in range(topic.partitions)]
    seen: set[str] = set()
    async with AIOKafkaConsumer(
        bootstrap_servers=servers, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                seen.update(Change.model_validate_json(record.value).record_id for record in records)
    return len(seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--singer", action="store_true", help="beside the Bulk export of Singer's tap (PyPI)")
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/snapshot.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, start_stack(Path(directory) / "stack") as stack:
        where = environment(stack.endpoints)
        servers = stack.endpoints.kafka_bootstrap_servers
        result = measure(servers, options.contacts, Path(directory), singer=options.singer)
    print(f"on {where['cpu']}, load {where['load_before']}: {result}")
    if options.save:
        print(f"kept in {save('snapshot', {'environment': where, **result})}")


if __name__ == "__main__":
    main()
