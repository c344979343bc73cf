"""A peer of the routing benchmark: the official MongoDB sink connector, in a Kafka Connect worker of its own.

It writes each event as it is over the record's last one (`ReplaceOneDefaultStrategy` with the record's id): one task,
batches of 500 as by default. A first connector reads the same topic, so that the second one, which is timed, finds its
code compiled.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil
from aiokafka.partitioner import DefaultPartitioner
from pymongo import MongoClient

from benchmarks.routing_load import TOPIC, changes
from sandbox.stack import Endpoints
from sandbox.stack.process import free_ports
from workers.adapters.kafka.transport import BATCH_MESSAGES
from workers.adapters.mongo.specs import RECORDS

PROJECT = Path(__file__).with_name("mongo_sink")
WORKER = "org.apache.kafka.connect.cli.ConnectStandalone"
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.02
STRATEGY = "com.mongodb.kafka.connect.sink.processor.id.strategy.PartialValueStrategy"


class Missing(Exception):
    """Why the peer cannot be measured here."""


def build() -> str:
    """The class path, resolved by Maven. Raises Missing."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise Missing(f"The sink connector is left out: {tool} is not installed")
    classpath = PROJECT / "target" / "classpath"
    command = ["mvn", "-q", "-B", "-f", str(PROJECT / "pom.xml"), "dependency:build-classpath"]
    built = subprocess.run([*command, f"-Dmdep.outputFile={classpath}"], capture_output=True, text=True, check=False)
    if built.returncode:
        raise Missing(f"The sink connector is left out: Maven did not find it: {built.stdout.strip()[:500]}")
    return classpath.read_text().strip()


@dataclass(frozen=True, slots=True)
class Connect:
    """A running Connect worker."""

    endpoints: Endpoints
    process: psutil.Process
    port: int

    def measure(self, namespace: str, database: str, events: int, *, tasks: int = 1) -> dict[str, Any]:
        """From the first document to the last event's being stored."""
        last = last_of_each_partition(events)
        with MongoClient[dict[str, Any]](self.endpoints.mongodb_uri) as client:
            records = client[database].records
            records.create_indexes(list(RECORDS.indexes))
            self._consume(namespace, database, tasks)
            wait(lambda: records.find_one({}, {"_id": 1}) is not None)
            since, cpu_since = time.perf_counter(), self._cpu_seconds()
            wait(lambda: stored(records, last))
            seconds, cpu_seconds = time.perf_counter() - since, self._cpu_seconds() - cpu_since
            count = records.estimated_document_count()
        call(self.port, "DELETE", f"/connectors/{database}")
        return {
            "seconds": round(seconds, 2),
            "events_per_second": round(events / seconds),
            "cpu_us_per_event": round(cpu_seconds / events * 1e6),
            "peak_rss_mb": round(self.process.memory_info().rss / 2**20),
            "documents": {"records": count},
        }

    def _consume(self, namespace: str, database: str, tasks: int) -> None:
        config = sink(namespace + TOPIC.name, self.endpoints.mongodb_uri, database, tasks)
        call(self.port, "POST", "/connectors", {"name": database, "config": config})

    def _cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system


def sink(topic: str, uri: str, database: str, tasks: int) -> dict[str, str]:
    return {
        "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
        "tasks.max": str(tasks),
        "topics": topic,
        "connection.uri": f"{uri}&w=majority",
        "database": database,
        "collection": "records",
        "document.id.strategy": STRATEGY,
        "document.id.strategy.partial.value.projection.list": "record_id",
        "document.id.strategy.partial.value.projection.type": "AllowList",
        "writemodel.strategy": "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy",
    }


def worker_settings(servers: str, port: int, directory: Path) -> Mapping[str, str]:
    return {
        "bootstrap.servers": servers,
        "listeners": f"http://127.0.0.1:{port}",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "offset.storage.file.filename": str(directory / "offsets"),
        "consumer.auto.offset.reset": "earliest",
        "consumer.isolation.level": "read_committed",
        "consumer.max.poll.records": str(BATCH_MESSAGES),
    }


@contextmanager
def connect(classpath: str, endpoints: Endpoints, directory: Path) -> Iterator[Connect]:
    port = free_ports(1)[0]
    settings = directory / "connect.properties"
    given = worker_settings(endpoints.kafka_bootstrap_servers, port, directory)
    settings.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    command = ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classpath, WORKER, str(settings)]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL) as java:
        try:
            wait(lambda: answers(port))
            yield Connect(endpoints, psutil.Process(java.pid), port)
        finally:
            java.terminate()


class Answered(Exception):
    """Kafka Connect said no."""


def call(port: int, method: str, path: str, body: object = None) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status >= 300:
            raise Answered(f"Kafka Connect answered {answer.status}: {answer.read(500)!r}")
    finally:
        connection.close()


def answers(port: int) -> bool:
    try:
        call(port, "GET", "/connectors")
    except (OSError, HTTPException, Answered):
        return False
    return True


def last_of_each_partition(events: int) -> dict[str, str]:
    """By id of the record, the replay id of the last event of a partition."""
    partition_of = DefaultPartitioner()
    last = {}
    for each in changes(events):
        key = f"{each.team}:{each.record_id}".encode()
        last[partition_of(key, list(range(TOPIC.partitions)), ())] = each
    return {each.record_id: str(each.replay_id) for each in last.values()}


def stored(records: Any, wanted: dict[str, str]) -> bool:
    ids = [{"record_id": record_id} for record_id in wanted]
    found = records.find({"_id": {"$in": ids}}, {"replay_id": 1})
    return {row["_id"]["record_id"]: row["replay_id"] for row in found} == wanted


def wait(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            raise SystemExit("the sink connector did not come to an end")
        time.sleep(LOOK_SECONDS)
