"""One capture worker as a process of its own, which ends when so many records of the first import are committed.

    python -m benchmarks.snapshot_side ORG_URL CLIENT_ID CLIENT_SECRET BOOTSTRAP_SERVERS NAMESPACE RECORDS

prints one JSON line. Timed from the worker's start, before it connects, to the end of the last transaction.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.capture_side import Place, capture
from benchmarks.memory import peak_rss_mb
from schemas.events import Change


class RecordsMeter:
    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._began = (time.perf_counter(), time.process_time())
        self._first: float | None = None
        self._committed = 0
        self._transactions = 0
        self.full = asyncio.Event()
        self._ended = (0.0, 0.0)

    def begins(self, changes: Sequence[Change]) -> None:
        if changes and self._first is None:
            self._first = time.perf_counter()

    def committed(self, changes: Sequence[Change]) -> None:
        self._committed += len(changes)
        self._transactions += bool(changes)
        if self._committed >= self._wanted:
            self._ended = (time.perf_counter(), time.process_time())
            self.full.set()

    def figures(self) -> dict[str, Any]:
        assert self._first is not None
        seconds, cpu_seconds = self._ended[0] - self._began[0], self._ended[1] - self._began[1]
        return {
            "records": self._committed,
            "seconds": round(seconds, 1),
            "of_it_until_the_first_page": round(self._first - self._began[0], 1),
            "records_per_second": round(self._committed / seconds),
            "cpu_us_per_record": round(cpu_seconds / self._committed * 1e6, 1),
            "transactions": self._transactions,
            "peak_rss_mb": peak_rss_mb(),
        }


def main() -> None:
    *place, wanted = sys.argv[1:]
    print(json.dumps(asyncio.run(capture(Place(*place), RecordsMeter(int(wanted))))))


if __name__ == "__main__":
    main()
