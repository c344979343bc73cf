"""Where Kafka and MongoDB come from: the decision, without doing anything about it.

Each service is decided on its own, in the order explicit setting, Docker, local stack, clear error. So a developer
may bring a Kafka of their own and still get a MongoDB started, and nobody gets a silent skip.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sandbox.stack.errors import StackError


class Service(StrEnum):
    KAFKA = "Kafka"
    MONGODB = "MongoDB"


class Source(StrEnum):
    SETTING = "setting"
    DOCKER = "docker"
    LOCAL = "local"


SETTING_OF = {Service.KAFKA: "KAFKA_BOOTSTRAP_SERVERS", Service.MONGODB: "MONGODB_URI"}
_EXAMPLE_OF = {Service.KAFKA: "127.0.0.1:9092", Service.MONGODB: "mongodb://127.0.0.1:27017/?replicaSet=rs0"}
SOURCE_SETTING = "SEGMENT_SYNC_STACK"
CACHE_SETTING = "SEGMENT_SYNC_CACHE"


@dataclass(frozen=True, slots=True)
class Platform:
    """The part of a machine's identity that says whether the local programs run on it."""

    system: str
    machine: str

    @classmethod
    def current(cls) -> Platform:
        return cls(system=platform.system(), machine=platform.machine())

    @property
    def runs_local_stack(self) -> bool:
        """The only MongoDB server that comes as a Python package is a Linux x86-64 program."""
        return self.system == "Linux" and self.machine in {"x86_64", "AMD64"}


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What the user asked for. An empty address means "find one"; port 0 means "any free port"."""

    kafka_bootstrap_servers: str = ""
    # Not in the repr: a MongoDB address may carry a password.
    mongodb_uri: str = field(default="", repr=False)
    kafka_port: int = 0
    mongo_port: int = 0
    only: Source | None = None
    cache_directory: Path | None = None

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, *, kafka_port: int = 0, mongo_port: int = 0
    ) -> StackSettings:
        """Read the settings of the process.

        Raises:
            StackError: SEGMENT_SYNC_STACK is neither empty nor one of auto, docker and local.
        """
        found = os.environ if environment is None else environment
        cache = found.get(CACHE_SETTING, "").strip()
        return cls(
            kafka_bootstrap_servers=found.get(SETTING_OF[Service.KAFKA], "").strip(),
            mongodb_uri=found.get(SETTING_OF[Service.MONGODB], "").strip(),
            kafka_port=kafka_port,
            mongo_port=mongo_port,
            only=_wanted_source(found.get(SOURCE_SETTING, "")),
            cache_directory=Path(cache).expanduser() if cache else None,
        )

    def address_of(self, service: Service) -> str:
        return self.kafka_bootstrap_servers if service is Service.KAFKA else self.mongodb_uri


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses that answer, and the services that were started for them (and will be stopped)."""

    kafka_bootstrap_servers: str
    # Not in the repr: a MongoDB address may carry a password.
    mongodb_uri: str = field(repr=False)
    started: tuple[Service, ...] = ()


def choose_source(
    service: Service, settings: StackSettings, *, machine: Platform, docker_answers: Callable[[], bool]
) -> Source:
    """Decide where one service comes from; `docker_answers` is only asked when the answer matters.

    Raises:
        StackError: nothing is left to choose; the message names the setting that helps.
    """
    if settings.address_of(service):
        return Source.SETTING
    if settings.only is not Source.LOCAL and docker_answers():
        return Source.DOCKER
    if settings.only is Source.DOCKER:
        raise StackError(
            f"{SOURCE_SETTING}=docker, but no Docker daemon answers: start Docker, or set {_address_example(service)}."
        )
    if machine.runs_local_stack:
        return Source.LOCAL
    raise StackError(
        f"No {service} on {machine.system} {machine.machine}: start Docker, or set {_address_example(service)} "
        "(the built-in one runs on Linux x86_64 only)."
    )


def _address_example(service: Service) -> str:
    return f"{SETTING_OF[service]} (for example {_EXAMPLE_OF[service]})"


def _wanted_source(text: str) -> Source | None:
    wanted = text.strip().lower()
    if wanted in {"", "auto"}:
        return None
    if wanted in {Source.DOCKER, Source.LOCAL}:
        return Source(wanted)
    raise StackError(f"{SOURCE_SETTING}={text.strip()} is unknown: set it to auto, docker or local.")
