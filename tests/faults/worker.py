"""Worker processes: forked ones that run the command line, tell of themselves in a log, and end in order."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field, replace

from tests.faults.child import Orders, work
from tests.faults.forked import FORKS, STOP_SECONDS, Forked


@dataclass(slots=True)
class Worker(Forked):
    """A capture process."""

    orders: Orders = field(kw_only=True)
    peak_rss_mb: float = 0.0
    deaths: list[int] = field(default_factory=list)
    """Exit statuses of lives that nobody ended."""
    _stopping: bool = False
    _life_begins_at: int = 0
    """In the log."""

    @property
    def log_text(self) -> str:
        return self.orders.log.read_text(errors="replace") if self.orders.log.exists() else ""

    def lines(self, *texts: str) -> list[str]:
        """Of its log, in this life, with all of these texts."""
        life = self.log_text[self._life_begins_at :]
        return [line for line in life.splitlines() if all(text in line for text in texts)]

    @property
    def shards(self) -> int | None:
        """So many are its own, as far as it knows."""
        told = self.lines('"shards assigned"')
        return int(json.loads(told[-1])["shards"]) if told else None

    @property
    def health_port(self) -> int | None:
        """Where its metrics are; None while it listens nowhere."""
        sockets = self.seen(lambda process: process.net_connections("tcp")) or []
        return next((one.laddr.port for one in sockets if one.status == "LISTEN"), None)

    def start(self, illusion_seconds: float = 0.0) -> None:
        if self.alive:
            return
        self._note_death()
        self.obey_no_more()
        self._stopping = False
        self._life_begins_at = len(self.log_text)
        orders = replace(self.orders, illusion_seconds=illusion_seconds)
        self.running = FORKS.Process(target=work, args=(orders,), daemon=True)
        self.running.start()

    def terminate(self) -> int | None:
        """In order; the exit status. Who does not obey is killed."""
        self.thaw()
        self._stopping = True
        self.send(signal.SIGTERM)
        if self.running is None:
            return None
        self.running.join(STOP_SECONDS)
        status = self.running.exitcode
        self.kill()
        return status

    def measure(self) -> None:
        rss_bytes = self.seen(lambda process: process.memory_info().rss) or 0
        self.peak_rss_mb = max(self.peak_rss_mb, rss_bytes / 1024**2)

    def _note_death(self) -> None:
        """Whoever is killed, also by itself at a point, is none that has died of a bug."""
        status = None if self.running is None else self.running.exitcode
        if status is not None and status != -signal.SIGKILL and not (self._stopping and status == 0):
            self.deaths.append(status)
