"""What every worker process shares: stopping on a signal, the time, the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import signal
import time


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and Ctrl-C set; to be called inside the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def collect_seldom() -> None:
    """For a process that makes and drops many documents, none of them a cycle: with Python's thresholds (700, 10, 10)
    routing spends a third of its CPU time looking for cycles and capture an eighth, with these under a twentieth;
    memory stays the same."""
    gc.set_threshold(50_000, 20, 20)


class SystemClock:
    """Implements `workers.ports.Clock`."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
