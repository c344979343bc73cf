"""The CPU time of the servers that a benchmark started beside itself: what it asks of them counts on two cores."""

from __future__ import annotations

import psutil

SERVERS = {"mongod": "mongod", "java": "kafka"}
"""By the name of the program."""


def server_cpu_seconds() -> dict[str, float]:
    """So far, of the servers of the local stack; of those it was only given the address of, nothing is known."""
    found = dict.fromkeys(SERVERS.values(), 0.0)
    for process in psutil.Process().children(recursive=True):
        if server := SERVERS.get(process.name()):
            times = process.cpu_times()
            found[server] += times.user + times.system
    return found
