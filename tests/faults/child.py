"""What runs in the process of a worker: the command line, on a network and in a pace of the test's choice.

Nothing of this is in the product: what a test needs to be otherwise is replaced here, before the command begins.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from tests.faults import planted, points
from workers.__main__ import main
from workers.adapters.kafka import changelog, shards
from workers.adapters.salesforce import cometd, tokens
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.core.capture import reconciling, session_machine
from workers.wiring import processes

Address = tuple[str, int]

quick = partial(
    Pace,
    connections_seconds=0.5,
    backoff_base_seconds=0.1,
    backoff_cap_seconds=1.0,
    query_poll_seconds=0.05,
    scale=0.02,
    fenced_seconds=4.0,
)
SESSION_TIMEOUT_MS = 3_000
"""`fenced_seconds` is longer."""

TRANSACTION_TIMEOUT_MS = 10_000
"""Longer than a take-over, as in production: a zombie may wake up before the broker has aborted its transaction."""

LAG_LOOK_SECONDS = 0.05

LEASE_MS = 6_000
"""Far more than a new token takes on this machine."""


@dataclass(frozen=True, slots=True)
class Network:
    """Proxies on this machine, by the address that is meant; each is told it first."""

    ports: Mapping[Address, int]
    other_port: int
    """Of the proxy to whatever else is connected to."""

    def port(self, address: Address) -> int:
        return self.ports.get(address, self.other_port)


@dataclass(frozen=True, slots=True)
class Orders:
    """All that a worker process is told; travels to it by pickle."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    network: Network
    bugs: tuple[str, ...] = ()
    illusion_seconds: float = 0.0
    """For so long it believes that every shard is its own."""

    idle: bool = False
    """Handshakes in the pace of production, and how late the event loop is stands in `lag_file`."""

    @property
    def lag_file(self) -> Path:
        """A line for each look: when, and by how many seconds it came late."""
        return self.log.with_suffix(".lag")

    @property
    def order_file(self) -> Path:
        """See `points.write_order`."""
        return self.log.with_suffix(".order")


def work(orders: Orders) -> None:
    """Never returns."""
    output = os.open(orders.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, sys.stdout.fileno() if sys.stdout else 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(orders.environment)
    sys.argv = ["segment-sync", *orders.arguments]
    # The fork server leaves SIGINT ignored and its own handlers behind.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _reroute(orders.network)
    _hurry()
    if orders.idle:
        _watch_the_loop(orders.lag_file)
    else:
        planted.instead(cometd, "HANDSHAKES_PER_SECOND_OF_HOST", 1000.0)
    for bug in orders.bugs:
        planted.BUGS[bug]()
    points.obey(orders.order_file)
    points.obey_at_tokens(orders.order_file)
    if orders.illusion_seconds:
        planted.believe_to_own_everything(orders.illusion_seconds)
    main()


def _reroute(network: Network) -> None:
    """All that goes through the event loop: Kafka and the orgs, not MongoDB."""

    class Rerouted(uvloop.Loop):
        async def sock_connect(self, sock: socket.socket, address: Any) -> None:
            host, port = address[:2]
            await super().sock_connect(sock, ("127.0.0.1", network.port((host, port))))
            await self.sock_sendall(sock, f"{host}:{port}\n".encode())

        async def create_connection(
            self, protocol_factory: Any, host: Any = None, port: Any = None, **how: Any
        ) -> tuple[Any, Any]:
            """As the event loop of the standard library, which goes by `sock_connect` here too."""
            if how.get("sock") is None:
                how["sock"] = socket.socket()
                how["sock"].setblocking(False)
                await self.sock_connect(how["sock"], (host, port))
            return await super().create_connection(protocol_factory, **how)

    planted.instead(uvloop, "run", partial(uvloop.run, loop_factory=Rerouted))


def _hurry() -> None:
    """Minutes of pauses are for the field; the order of what happens stays."""
    instead = planted.instead
    instead(processes, "Pace", quick)
    instead(shards, "SESSION_TIMEOUT_MS", SESSION_TIMEOUT_MS)
    instead(shards, "HEARTBEAT_MS", 500)
    instead(changelog, "TRANSACTION_TIMEOUT_MS", TRANSACTION_TIMEOUT_MS)
    instead(changelog, "REQUEST_TIMEOUT_MS", 3_000)
    instead(changelog, "APPEND_SECONDS", TRANSACTION_TIMEOUT_MS / 1000)
    instead(reconciling, "IN_FLIGHT_MS", 0)
    instead(session_machine, "HEALTHY_SECONDS", 2.0)
    hurry_tokens()


def _watch_the_loop(file: Path) -> None:
    run = Capture.run

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        with file.open("a", buffering=1) as lags:
            while True:
                due = loop.time() + LAG_LOOK_SECONDS
                await asyncio.sleep(LAG_LOOK_SECONDS)
                lags.write(f"{time.time():.3f} {loop.time() - due:.4f}\n")

    async def watched(capture: Capture, stop: asyncio.Event) -> None:
        watching = asyncio.create_task(watch())
        try:
            await run(capture, stop)
        finally:
            watching.cancel()

    planted.instead(Capture, "run", watched)


def hurry_tokens() -> None:
    """The lease of a process that has died is for others to wait for."""
    planted.instead(tokens, "LEASE_MS", LEASE_MS)
