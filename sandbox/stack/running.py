"""Starting what is missing, and stopping exactly that."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from sandbox.stack.endpoints import Endpoints, Platform, Service, Source, StackSettings, choose_source
from sandbox.stack.errors import StackError
from sandbox.stack.given import check_kafka, check_mongo
from sandbox.stack.mongo import MongoFiles, start_mongo
from sandbox.stack.process import Control, stop_leftover

_CHECKOUT = Path(__file__).resolve().parents[2]


def default_cache_directory() -> Path:
    """Beside the source in a checkout, so that an empty or a read-only home works; else per user."""
    if (_CHECKOUT / "pyproject.toml").exists():
        return _CHECKOUT / "var" / "cache"
    return Path.home() / ".cache" / "segment-sync"


@dataclass(frozen=True, slots=True)
class StackFiles:
    """The layout of a stack's directory. Two stacks side by side need two directories."""

    directory: Path
    logs: Path
    cache: Path

    def data_of(self, service: Service) -> Path:
        return self.directory / ("kafka" if service is Service.KAFKA else "mongo")

    def pid_file_of(self, service: Service) -> Path:
        return self.data_of(service).with_suffix(".pid")

    def log_file_of(self, service: Service) -> Path:
        return self.logs / f"{self.data_of(service).name}.log"


@dataclass
class RunningStack:
    """Endpoints that answer until `stop`. Also a context manager."""

    endpoints: Endpoints
    _cleanup: ExitStack = field(repr=False)

    def stop(self) -> None:
        """Stop what was started, nothing else. Safe to call again."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_stack(
    directory: Path,
    settings: StackSettings | None = None,
    *,
    log_directory: Path | None = None,
    keep_data: bool = False,
    machine: Platform | None = None,
    docker_answers: Callable[[], bool] | None = None,
    control: Control | None = None,
) -> RunningStack:
    """Find or start Kafka and MongoDB, both at the same time, and return when both answer.

    Data, settings and pid files are kept under `directory`, logs under `log_directory` (default: `directory/log`).
    Data of an earlier start is thrown away unless `keep_data`. Setting `control.cancelled` from another thread gives
    up. On Ctrl-C and every error, what had been started by then is stopped.

    Raises:
        StackError: one of them cannot be had.
    """
    settings = settings or StackSettings.from_environment()
    control = control or Control()
    files = StackFiles(
        directory=directory.absolute(),
        logs=(log_directory or directory / "log").absolute(),
        cache=(settings.cache_directory or default_cache_directory()).absolute(),
    )
    sources = choose_sources(settings, machine=machine, docker_answers=docker_answers)
    with ExitStack() as cleanup:
        _take_over(files, [service for service in sources if sources[service] is Source.LOCAL], cleanup, keep_data)
        kafka, mongodb_uri = _start_both(
            lambda: _start_kafka(sources[Service.KAFKA], settings, files, control, cleanup),
            lambda: _start_mongo(sources[Service.MONGODB], settings, files, control, cleanup),
            control.cancelled,
        )
        started = tuple(service for service in sources if sources[service] is not Source.SETTING)
        return RunningStack(Endpoints(kafka, mongodb_uri, started), cleanup.pop_all())


def choose_sources(
    settings: StackSettings, *, machine: Platform | None = None, docker_answers: Callable[[], bool] | None = None
) -> dict[Service, Source]:
    """Decide for both services on this machine; the Docker daemon is asked once, and only when it matters."""
    ask_once = cache(docker_answers or _docker_answers)
    return {
        service: choose_source(service, settings, machine=machine or Platform.current(), docker_answers=ask_once)
        for service in Service
    }


def _docker_answers() -> bool:
    from sandbox.stack.containers import docker_answers

    return docker_answers()


def _take_over(files: StackFiles, local: list[Service], cleanup: ExitStack, keep_data: bool) -> None:
    """Make the directory ours: alone in it, nothing left running from a crash, no old data."""
    if not local:
        return
    files.directory.mkdir(parents=True, exist_ok=True)
    lock = cleanup.enter_context((files.directory / ".lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StackError(
            f"Another stack is running in {files.directory}: stop it, or choose another directory."
        ) from None
    for service in local:
        stop_leftover(files.pid_file_of(service), files.directory)
        if not keep_data:
            shutil.rmtree(files.data_of(service), ignore_errors=True)
            cleanup.callback(shutil.rmtree, files.data_of(service), ignore_errors=True)


def _start_both(kafka: Callable[[], str], mongo: Callable[[], str], cancelled: Event) -> tuple[str, str]:
    """Run both to their end; the first failure, or an interruption, cancels the other one."""
    with ThreadPoolExecutor(2, thread_name_prefix="stack") as pool:
        addresses = pool.submit(kafka), pool.submit(mongo)
        try:
            done, pending = wait(addresses, return_when=FIRST_EXCEPTION)
        except BaseException:
            cancelled.set()
            raise
        if pending:
            cancelled.set()
            for failed in done:
                failed.result()
        return addresses[0].result(), addresses[1].result()


def _start_kafka(
    source: Source, settings: StackSettings, files: StackFiles, control: Control, cleanup: ExitStack
) -> str:
    """The address; how to stop it, if it is ours to stop, goes to `cleanup`."""
    if source is Source.SETTING:
        check_kafka(settings.kafka_bootstrap_servers)
        return settings.kafka_bootstrap_servers
    if source is Source.DOCKER:
        from sandbox.stack.containers import start_kafka_container

        container, address = start_kafka_container(port=settings.kafka_port)
        cleanup.callback(container.stop)
        return address
    from sandbox.stack.kafka import KafkaFiles, start_kafka

    kafka_files = KafkaFiles(
        home=files.data_of(Service.KAFKA),
        pid_file=files.pid_file_of(Service.KAFKA),
        log_file=files.log_file_of(Service.KAFKA),
        cache_directory=files.cache,
    )
    broker, address = start_kafka(kafka_files, port=settings.kafka_port, control=control)
    cleanup.callback(broker.stop)
    return address


def _start_mongo(
    source: Source, settings: StackSettings, files: StackFiles, control: Control, cleanup: ExitStack
) -> str:
    """The address; how to stop it, if it is ours to stop, goes to `cleanup`."""
    if source is Source.SETTING:
        check_mongo(settings.mongodb_uri)
        return settings.mongodb_uri
    if source is Source.DOCKER:
        from sandbox.stack.containers import start_mongo_container

        container, address = start_mongo_container(port=settings.mongo_port, control=control)
        cleanup.callback(container.stop)
        return address
    mongo_files = MongoFiles(
        data=files.data_of(Service.MONGODB),
        pid_file=files.pid_file_of(Service.MONGODB),
        log_file=files.log_file_of(Service.MONGODB),
    )
    server, address = start_mongo(mongo_files, port=settings.mongo_port, control=control)
    cleanup.callback(server.stop)
    return address


class Stack:
    """`async with Stack(directory) as endpoints`: the same, for a program with an event loop."""

    def __init__(
        self,
        directory: Path,
        settings: StackSettings | None = None,
        *,
        log_directory: Path | None = None,
        keep_data: bool = False,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._control = Control(report=report)
        self._start = partial(
            start_stack,
            directory,
            settings,
            log_directory=log_directory,
            keep_data=keep_data,
            control=self._control,
        )
        self._running: RunningStack | None = None

    async def __aenter__(self) -> Endpoints:
        starting = asyncio.create_task(asyncio.to_thread(self._start))
        try:
            self._running = await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._control.cancelled.set()
            with suppress(StackError):
                await asyncio.to_thread((await starting).stop)
            raise
        return self._running.endpoints

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            await asyncio.shield(asyncio.to_thread(self._running.stop))
