"""A clock that stands where a test set it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SetClock:
    now: int

    def now_ms(self) -> int:
        return self.now
