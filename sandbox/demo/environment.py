"""Everything that the story plays on: stack, org, settings, workers."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.demo.org_client import OrgClient
from sandbox.demo.processes import Fleet, Process, child_process
from sandbox.stack import Control, Endpoints, start_stack
from sandbox.stack.process import free_ports
from workers.adapters.secrets import generate_key

ORG_START_SECONDS = 120
WORKERS = ("capture", "routing", "insights")
EVERY_WORKER = (*WORKERS, "scores-api")


@dataclass(slots=True)
class Sizes:
    contacts: int = 2000
    leads: int = 500
    accounts: int = 300
    seed: int = 7

    def arguments(self) -> list[str]:
        return [
            *("--contacts", str(self.contacts)),
            *("--leads", str(self.leads)),
            *("--accounts", str(self.accounts)),
            *("--seed", str(self.seed)),
        ]


@dataclass(slots=True)
class Surroundings:
    endpoints: Endpoints
    org: OrgClient
    environment: dict[str, str]
    fleet: Fleet
    directory: Path

    def topic(self, name: str) -> str:
        return self.environment["KAFKA_NAMESPACE"] + name


@asynccontextmanager
async def running_stack(directory: Path, logs: Path) -> AsyncIterator[Endpoints]:
    """Started in a thread, since it blocks; cancelled (Ctrl-C) it stops what it had started by then."""
    control = Control()
    starting = asyncio.create_task(asyncio.to_thread(start_stack, directory, log_directory=logs, control=control))
    try:
        stack = await asyncio.shield(starting)
    except asyncio.CancelledError:
        control.cancelled.set()
        await asyncio.wait([starting])
        if starting.exception() is None:
            await asyncio.to_thread(starting.result().stop)
        raise
    try:
        yield stack.endpoints
    finally:
        await asyncio.to_thread(stack.stop)


@asynccontextmanager
async def running_org(sizes: Sizes, log: Path, port: int = 0) -> AsyncIterator[dict[str, str]]:
    """`segment-sync sandbox` as a process of its own, as any client would find it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    arguments = ("sandbox", "--port", str(port), "--json", *sizes.arguments())
    with log.open("wb") as errors:
        async with child_process(
            *(sys.executable, "-m", "workers", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            async with asyncio.timeout(ORG_START_SECONDS):
                line = await process.stdout.readline()
            if not line:
                raise RuntimeError(f"the simulated org did not start; see {log}")
            yield json.loads(line)


def worker_environment(endpoints: Endpoints) -> dict[str, str]:
    """The settings of the workers, beside what the shell has.

    Topics, groups and database have names of their own: a Kafka and a MongoDB that the user named may hold real data.
    """
    namespace = f"sandbox.{secrets.token_hex(4)}."
    return {
        "KAFKA_BOOTSTRAP_SERVERS": endpoints.kafka_bootstrap_servers,
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_NAMESPACE": namespace,
        "MONGODB_URI": endpoints.mongodb_uri,
        "MONGODB_DATABASE": namespace.replace(".", "_").rstrip("_"),
        "TOKEN_ENCRYPTION_KEYS": generate_key(),
        "SALESFORCE_ALLOW_LOOPBACK": "true",
        "LOG_LEVEL": "info",
    }


def scores_api_environment() -> dict[str, str]:
    """For whoever is on this machine, on a port that nobody else has."""
    (port,) = free_ports(1)
    return {"SCORES_API_HOST": "127.0.0.1", "SCORES_API_PORT": str(port)}


def fleet_of(environment: dict[str, str], logs: Path, workers: Sequence[str]) -> Fleet:
    for name in workers:
        (logs / f"{name}.log").unlink(missing_ok=True)
    inherited = {name: value for name, value in os.environ.items() if name != "SEGMENT_SYNC_ENV_FILE"}
    return Fleet([Process(name, [name], inherited | environment, logs / f"{name}.log") for name in workers])


@asynccontextmanager
async def surroundings(directory: Path, sizes: Sizes, workers: Sequence[str] = WORKERS) -> AsyncIterator[Surroundings]:
    """Stack and org side by side; the workers are told where they are, but not started."""
    logs = directory / "log"
    async with (
        running_org(sizes, logs / "org.log") as credentials,
        running_stack(directory / "stack", logs) as endpoints,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        environment = worker_environment(endpoints) | scores_api_environment()
        fleet = fleet_of(environment, logs, workers)
        try:
            yield Surroundings(endpoints, OrgClient(credentials, session), environment, fleet, directory)
        finally:
            await asyncio.to_thread(fleet.stop)


async def command(around: Surroundings, *arguments: str) -> Any:
    """One `segment-sync` command with --json, as a user's script would call it; raises with its own error text."""
    return json.loads(await printed(around, *arguments, "--json"))


async def printed(around: Surroundings, *arguments: str) -> str:
    """What a `segment-sync` command prints; raises with its own error text."""
    async with child_process(
        *(sys.executable, "-m", "workers", *arguments),
        env=os.environ | {"COLUMNS": "110"} | around.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    ) as process:
        out, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"segment-sync {' '.join(arguments)}: {errors.decode().strip()[-600:]}")
    return out.decode()
