"""`segment-sync` as a process of its own, with settings that a test may spoil."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest

from sandbox.stack import Endpoints
from workers.adapters.secrets import generate_key

PATIENCE_SECONDS = 60
"""For a command that fails; one that hangs fails the test."""


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    out: str
    err: str
    """On one line: the terminal's width is none of the tests' business."""


Command = Callable[..., Awaitable[Ended]]


@pytest.fixture
def settings(stack: Endpoints, namespace: str, mongo_database: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_NAMESPACE": namespace,
        "MONGODB_URI": stack.mongodb_uri,
        "MONGODB_DATABASE": mongo_database,
        "TOKEN_ENCRYPTION_KEYS": generate_key(),
        "SALESFORCE_ALLOW_LOOPBACK": "true",
    }


@pytest.fixture
def command(settings: dict[str, str]) -> Command:
    """`await command("connections", "list", HEALTH_PORT="1")`: settings by keyword, None takes one away."""

    async def ended(*arguments: str, **changes: str | None) -> Ended:
        inherited = {name: value for name, value in os.environ.items() if name != "SEGMENT_SYNC_ENV_FILE"}
        wanted = {**inherited, **settings, **changes}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "workers", *arguments),
            env={name: value for name, value in wanted.items() if value is not None},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), " ".join(err.decode().split()))

    return ended


@pytest.fixture
def free_port() -> int:
    """Nobody listens there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]
