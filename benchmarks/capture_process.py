"""A capture worker as a process of its own, pinned to one core, that prints what it measured."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

WORKER_CORE = 1


async def start_worker(module: str, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(["taskset", "-c", str(WORKER_CORE)] if hasattr(os, "sched_setaffinity") else []),
        *(sys.executable, "-m", f"benchmarks.{module}", *arguments),
        stdout=PIPE,
    )


async def finished(worker: Process) -> dict[str, Any]:
    """Its last line. Ends the benchmark when the worker failed."""
    stdout, _ = await worker.communicate()
    if worker.returncode:
        raise SystemExit(f"a worker failed with {worker.returncode}")
    result: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    return result
