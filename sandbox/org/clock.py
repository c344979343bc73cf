"""The org's clock: the machine's, moved by as much as a test wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class OrgClock:
    """Epoch seconds. Moving it forward ages events and tokens; moving it back never turns stamps back."""

    source: Callable[[], float]
    offset_seconds: float = 0.0

    def __call__(self) -> float:
        return self.source() + self.offset_seconds
