"""Processes that a test kills, freezes and starts again."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TypeVar

import psutil

from tests.faults.points import write_order

T = TypeVar("T")

STOP_SECONDS = 15.0

# Importing the libraries takes a process a second; forked from one that has done so it starts at once.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.child", "tests.faults.asker"])


@dataclass(slots=True)
class Forked:
    """One process, in as many lives as a run needs."""

    order_file: Path
    running: ForkServerProcess | None = None

    @property
    def alive(self) -> bool:
        return self.running is not None and self.running.is_alive()

    @property
    def frozen(self) -> bool:
        return self.seen(lambda process: process.status() == psutil.STATUS_STOPPED) is True

    def stop_at(self, what: str, point: str, number: int) -> None:
        """`kill` or `freeze` it the n-th time from now that it passes this point (`points.obey`)."""
        write_order(self.order_file, what, point, number)

    def obey_no_more(self) -> None:
        self.order_file.unlink(missing_ok=True)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        if self.running is not None:
            self.running.join(STOP_SECONDS)

    def freeze(self) -> None:
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def seen(self, look: Callable[[psutil.Process], T]) -> T | None:
        """What somebody sees who looks at the process; None when it is not there."""
        if not self.alive or self.running is None:
            return None
        try:
            return look(psutil.Process(self.running.pid))
        except psutil.NoSuchProcess:  # dead a moment ago
            return None

    def send(self, number: signal.Signals) -> None:
        if self.alive and self.running is not None and self.running.pid is not None:
            os.kill(self.running.pid, number)
