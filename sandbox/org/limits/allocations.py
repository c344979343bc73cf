"""What an org may use of something in 24 hours."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.org.limits.rolling import RollingCount


@dataclass(frozen=True, slots=True)
class Allocation:
    maximum: int
    count: RollingCount

    @property
    def used(self) -> int:
        return self.count.total

    @property
    def exhausted(self) -> bool:
        return self.used >= self.maximum

    def take(self, amount: int = 1) -> None:
        """Count a use, whether or not it is allowed: what is refused is the caller's matter."""
        self.count.add(amount)
