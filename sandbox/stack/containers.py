"""Kafka and MongoDB in Docker, through testcontainers. Its reaper removes them when this process dies unasked."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from docker.errors import DockerException
from requests.exceptions import RequestException
from testcontainers.community.kafka import KafkaContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient, get_docker_host

from sandbox.stack.errors import StackError
from sandbox.stack.mongo import REPLICA_SET, become_writable
from sandbox.stack.process import Control

# The newest line of this image that testcontainers' KRaft script is written for (Kafka 3.9).
KAFKA_IMAGE = "confluentinc/cp-kafka:7.9.1"
MONGO_IMAGE = "mongo:8.0"
_DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock"
_KAFKA_PORT = 9093
_MONGO_PORT = 27017
# A first start pulls the image before this begins to count.
_START_TIMEOUT_SECONDS = 120
_POLL_SECONDS = 0.1
# testcontainers' own errors are RuntimeErrors; a log line that does not come is a TimeoutError.
_DOCKER_FAILURES = (DockerException, RequestException, RuntimeError, TimeoutError)
_KAFKA_ENVIRONMENT = {
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "5",
}


def docker_answers() -> bool:
    """Whether a Docker daemon is there and talks to us."""
    host = get_docker_host() or _DEFAULT_DOCKER_HOST
    # Asked first by hand: docker-py leaves its socket open when nobody listens, which Python warns about.
    if host.startswith("unix://") and not _somebody_listens(host.removeprefix("unix://")):
        return False
    try:
        return bool(DockerClient().client.ping())
    except (DockerException, RequestException):
        return False


def _somebody_listens(socket_path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(socket_path) == 0


def kafka_container(*, port: int) -> KafkaContainer:
    """What will be run; connects to the Docker daemon already."""
    container = KafkaContainer(KAFKA_IMAGE).with_kraft().with_envs(**_KAFKA_ENVIRONMENT)
    if port:
        container.with_bind_ports(_KAFKA_PORT, port)
    return container


def start_kafka_container(*, port: int) -> tuple[DockerContainer, str]:
    """A KRaft broker in Docker, with its bootstrap address.

    Raises:
        StackError: Docker cannot run it.
    """
    try:
        container = kafka_container(port=port)
        _start(container, lambda: container.start(timeout=_START_TIMEOUT_SECONDS))
    except _DOCKER_FAILURES as error:
        raise _docker_failed("Kafka", "KAFKA_BOOTSTRAP_SERVERS", error) from error
    return container, container.get_bootstrap_server()


def start_mongo_container(*, port: int, control: Control) -> tuple[DockerContainer, str]:
    """A replica set of one in Docker, with its connection string.

    A generic container: the MongoDB one of testcontainers 4.15.0 is a standalone server, without transactions. The
    connection is direct, since the member's own address is only known inside the container.

    Raises:
        StackError: Docker cannot run it, or it does not become writable.
    """
    try:
        container = DockerContainer(MONGO_IMAGE).with_command(f"--replSet {REPLICA_SET} --bind_ip_all")
        if port:
            container.with_bind_ports(_MONGO_PORT, port)
        else:
            container.with_exposed_ports(_MONGO_PORT)
        _start(container, container.start)
        host, mapped = container.get_container_host_ip(), container.get_exposed_port(_MONGO_PORT)
    except _DOCKER_FAILURES as error:
        raise _docker_failed("MongoDB", "MONGODB_URI", error) from error
    try:
        become_writable(host, mapped, member=f"127.0.0.1:{_MONGO_PORT}", wait_until=lambda ready: _wait(ready, control))
    except BaseException:
        container.stop()
        raise
    return container, f"mongodb://{host}:{mapped}/?directConnection=true"


def _start(container: DockerContainer, start: Callable[[], object]) -> None:
    try:
        start()
    except BaseException:
        container.stop()
        raise


def _wait(is_ready: Callable[[], bool], control: Control) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while not is_ready():
        if time.monotonic() > deadline:
            raise StackError(f"MongoDB in Docker was not ready after {_START_TIMEOUT_SECONDS} s: see docker logs.")
        if control.cancelled.wait(_POLL_SECONDS):
            raise StackError("The start of MongoDB was cancelled.")


def _docker_failed(service: str, setting: str, error: Exception) -> StackError:
    return StackError(
        f"Docker cannot run {service} ({error}): make the image available, set {setting}, "
        "or set SEGMENT_SYNC_STACK=local."
    )
