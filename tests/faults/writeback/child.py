"""What runs in the process of a write-back worker: the product, in a hurry, on a clock of the test's choice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.faults.planted import instead
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.mongo import open_store
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher
from workers.core.writeback import parts
from workers.insights import claim, plan, worker
from workers.insights.sending import calls, job, next_part, run_state
from workers.insights.worker import Insights
from workers.ports import Handler
from workers.runtime.process import SystemClock

FEW_ROWS = 17
"""Of a job, so that an entity takes several."""


@dataclass(frozen=True, slots=True)
class Orders:
    """All that a worker process is told; travels to it by pickle."""

    mongodb_uri: str = field(repr=False)
    database: str
    key: str = field(repr=False)
    clock: Path
    log: Path
    jobs: bool
    """All rows go by jobs, however few; else call by call."""
    dies_at: int | None = None
    """Kills itself at so many steps that it records."""
    dies: Literal["before", "after"] = "before"
    """That step is recorded."""


@dataclass(frozen=True, slots=True)
class MovedClock:
    """The machine's, moved by what a file says."""

    file: Path

    def now_ms(self) -> int:
        return SystemClock().now_ms() + int(self.file.read_text())


class NoScores:
    """No topic is read."""

    ready = True

    async def run(self, handle: Handler, stop: asyncio.Event) -> None:
        await stop.wait()


def work(orders: Orders) -> None:
    output = os.open(orders.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, sys.stdout.fileno() if sys.stdout else 1)
    os.dup2(output, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _hurry(orders)
    if orders.dies_at is not None:
        _die(orders.dies_at, orders.dies)
    asyncio.run(_serve(orders))


async def _serve(orders: Orders) -> None:
    stop, clock = asyncio.Event(), MovedClock(orders.clock)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(orders.mongodb_uri, orders.database))
        orgs = Orgs(store.connections, TokenCipher([orders.key]), clock, allow_insecure_loopback=True)
        stack.push_async_callback(orgs.close)
        await Insights(store, orgs, MemoryPublisher(), clock).run(NoScores(), stop)


def _hurry(orders: Orders) -> None:
    """Seconds instead of minutes, and a few rows where there are thousands; the order of what happens stays."""
    instead(worker, "LOOK_SECONDS", 0.05)
    instead(claim, "BEAT_SECONDS", 0.2)
    instead(claim, "SILENCE_MS", 1_200)
    instead(plan, "PAGE", 9)
    instead(run_state, "PAGE_ROWS", 7)
    instead(next_part, "ROUND_PAUSE_SECONDS", 0.05)
    instead(calls, "PAUSE_SECONDS", 0.05)
    instead(parts, "CALL_ROWS", 8)
    instead(parts, "JOB_ROWS", FEW_ROWS)
    instead(next_part, "JOB_ROWS", FEW_ROWS)
    instead(next_part, "by_calls", lambda _rows, _number: not orders.jobs)
    instead(parts, "by_calls", lambda _rows, _number: not orders.jobs)
    for name, seconds in (
        ("SHORTEST_POLL_SECONDS", 0.05),
        ("LONGEST_POLL_SECONDS", 0.2),
        ("FAILURE_PAUSE_SECONDS", 0.05),
    ):
        instead(job, name, seconds)


def _die(at: int, dies: Literal["before", "after"]) -> None:
    """Like a kill from outside: nothing is tidied up."""
    recorded = claim.Claim.update
    steps = 0

    async def mortal(self: claim.Claim, **changes: object) -> object:
        nonlocal steps
        steps += 1
        if steps == at and dies == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = await recorded(self, **changes)
        if steps == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    instead(claim.Claim, "update", mortal)
