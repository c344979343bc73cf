"""An outage of the whole org."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Outage:
    """While it lasts every product route answers with an error page."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until_seconds = -math.inf
        self.status = 503

    @property
    def active(self) -> bool:
        return self._clock() < self._until_seconds

    def start(self, seconds: float, status: int = 503) -> None:
        """Zero seconds end it."""
        self._until_seconds = self._clock() + seconds
        self.status = status
