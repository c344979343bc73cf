"""What the org counts about its callers: API calls, and since when."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from sandbox.org.limits.rolling import RollingCount

_CLASSES = (
    ("/__admin__", "admin"),
    ("/cometd", "cometd"),
    ("/services/oauth2", "oauth"),
    ("/id/", "oauth"),
)
_DATA_CLASSES = {
    "query": "query",
    "queryAll": "query",
    "jobs": "bulk",
    "composite": "composite",
    "limits": "limits",
    "sobjects": "sobjects",
}


def path_class(path: str) -> str:
    """Which of the org's surfaces a path belongs to."""
    for prefix, name in _CLASSES:
        if path.startswith(prefix):
            return name
    parts = path.removeprefix("/services/data").strip("/").split("/")
    return _DATA_CLASSES.get(parts[1], "other") if len(parts) > 1 else "versions"


class Stats:
    """Calls by class; those under a version count against the daily allocation."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.calls: Counter[str] = Counter()
        self._api_requests = RollingCount(clock)

    @property
    def api_requests(self) -> int:
        """What the last 24 hours used of the allocation."""
        return self._api_requests.total

    def count(self, path: str, *, against_allocation: bool) -> None:
        self.calls[path_class(path)] += 1
        if against_allocation:
            self._api_requests.add()
