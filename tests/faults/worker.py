"""Worker processes that a test kills, freezes and starts again."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerProcess

import psutil

from tests.faults.child import Orders, work

STOP_SECONDS = 15.0

# Importing the libraries takes a process a second; forked from one that has done so it starts at once.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.child"])


@dataclass(slots=True)
class Worker:
    """One capture process, in as many lives as a run needs."""

    orders: Orders
    running: ForkServerProcess | None = None
    peak_rss_mb: float = 0.0

    @property
    def alive(self) -> bool:
        return self.running is not None and self.running.is_alive()

    def start(self, stop_at: str | None = None, illusion_seconds: float = 0.0) -> None:
        if self.alive:
            return
        orders = replace(self.orders, stop_at=stop_at, illusion_seconds=illusion_seconds)
        self.running = FORKS.Process(target=work, args=(orders,), daemon=True)
        self.running.start()

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        if self.running is not None:
            self.running.join(STOP_SECONDS)

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def terminate(self) -> int | None:
        """In order; the exit status. Who does not obey is killed."""
        self.thaw()
        self._send(signal.SIGTERM)
        if self.running is None:
            return None
        self.running.join(STOP_SECONDS)
        status = self.running.exitcode
        self.kill()
        return status

    def measure(self) -> None:
        if self.alive and self.running is not None and self.running.pid is not None:
            rss_bytes = psutil.Process(self.running.pid).memory_info().rss
            self.peak_rss_mb = max(self.peak_rss_mb, rss_bytes / 1024**2)

    def _send(self, number: signal.Signals) -> None:
        if self.alive and self.running is not None and self.running.pid is not None:
            os.kill(self.running.pid, number)
