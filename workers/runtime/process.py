"""What every worker process shares: stopping on a signal, and the time."""

from __future__ import annotations

import asyncio
import signal
import time


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and Ctrl-C set; to be called inside the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


class SystemClock:
    """Implements `workers.ports.Clock`."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
