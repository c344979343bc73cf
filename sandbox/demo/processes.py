"""The workers as separate processes: started, killed on demand, stopped, their logs kept."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STOP_SECONDS = 15


@asynccontextmanager
async def child_process(*command: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that does not outlive the block, also when that is cancelled; `options` as for `asyncio`'s own."""
    process = await asyncio.create_subprocess_exec(*command, **options)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            process.terminate()
        await process.wait()


@dataclass(slots=True)
class Process:
    """One `segment-sync` process. `ensure` starts it again when it is gone."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def ensure(self) -> None:
        if self.running is not None and self.running.poll() is None:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "workers", *self.arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1

    def kill(self) -> None:
        if self.running is not None:
            self.running.kill()
            self.running.wait()

    def ended(self) -> int | None:
        return None if self.running is None else self.running.poll()


@dataclass(slots=True)
class Fleet:
    processes: list[Process] = field(default_factory=list)
    kills: int = 0

    def start(self) -> None:
        for process in self.processes:
            process.ensure()

    def check(self) -> None:
        """A worker that ended by itself is an error of the demo, with the end of its log."""
        for process in self.processes:
            if (status := process.ended()) is not None:
                tail = "\n".join(process.log.read_text(errors="replace").splitlines()[-15:])
                raise RuntimeError(f"{process.name} ended with status {status}; the end of {process.log}:\n{tail}")

    def revive(self) -> list[str]:
        """Start again whoever was killed (kill -9, out of memory), as a container's supervisor would; their names."""
        killed = [process for process in self.processes if process.ended() == -signal.SIGKILL]
        for process in killed:
            process.ensure()
        return [process.name for process in killed]

    def stop(self) -> dict[str, int | None]:
        """SIGTERM for all, then SIGKILL for whoever stays; exit statuses by name."""
        running = [p for p in self.processes if p.running is not None and p.running.poll() is None]
        for process in running:
            assert process.running is not None
            process.running.send_signal(signal.SIGTERM)
        for process in running:
            assert process.running is not None
            try:
                process.running.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        return {process.name: process.ended() for process in self.processes}

    async def chaos(self, rng: random.Random, pause_seconds: tuple[float, float] = (2.0, 5.0)) -> None:
        """Kill a random worker without warning, start it again, for ever."""
        while True:
            await asyncio.sleep(rng.uniform(*pause_seconds))
            victim = rng.choice(self.processes)
            victim.kill()
            self.kills += 1
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            victim.ensure()
