"""Allocations per 24 hours, which roll with the org's clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

DAY_SECONDS = 24 * 3600.0
# Coarse enough that a day of any traffic is at most 1,440 numbers.
_SLOT_SECONDS = 60


class RollingCount:
    """How much was used within a window that ends now."""

    def __init__(self, clock: Callable[[], float], window_seconds: float = DAY_SECONDS) -> None:
        self._clock = clock
        self._window_slots = max(int(window_seconds // _SLOT_SECONDS), 1)
        # When, in slots of the clock, and how much; oldest first.
        self._slots: deque[tuple[int, int]] = deque()
        self._total = 0

    def add(self, amount: int = 1) -> None:
        slot = self._now()
        self._total += amount
        while self._slots and self._slots[-1][0] >= slot:
            # Of this slot; or of later ones, before the clock was turned back: that counts as of now.
            amount += self._slots.pop()[1]
        self._slots.append((slot, amount))

    @property
    def total(self) -> int:
        oldest = self._now() - self._window_slots
        while self._slots and self._slots[0][0] <= oldest:
            self._total -= self._slots.popleft()[1]
        return self._total

    def clear(self) -> None:
        self._slots.clear()
        self._total = 0

    def _now(self) -> int:
        return int(self._clock() // _SLOT_SECONDS)
