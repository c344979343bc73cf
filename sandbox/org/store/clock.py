"""The org's clock: the machine's, moved and sped up as much as a test wants."""

from __future__ import annotations

from collections.abc import Callable


class OrgClock:
    """Epoch seconds. Moving it forward ages events and tokens; moving it back never turns stamps back."""

    def __init__(self, source: Callable[[], float]) -> None:
        self._source = source
        # It was ``_org_seconds`` in the org when it was ``_machine_seconds`` here; since then it ran at ``_rate``.
        self._machine_seconds = self._org_seconds = 0.0
        self._rate = 1.0

    def __call__(self) -> float:
        return self._org_seconds + (self._source() - self._machine_seconds) * self._rate

    @property
    def offset_seconds(self) -> float:
        """How far it is ahead of the machine's clock now."""
        now = self._source()
        ahead = self._org_seconds - self._machine_seconds + (now - self._machine_seconds) * (self._rate - 1)
        return round(ahead, 3)

    @offset_seconds.setter
    def offset_seconds(self, seconds: float) -> None:
        self.travel(self._source() + seconds)

    @property
    def rate(self) -> float:
        """Seconds of the org in a second of the machine; 0: it stands still."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if rate < 0:
            raise ValueError(f"a clock does not run backwards: {rate}")
        self.travel(self())
        self._rate = rate

    @property
    def moved(self) -> bool:
        """It is not the machine's clock any more."""
        return self._rate != 1 or bool(self.offset_seconds)

    def advance(self, seconds: float) -> None:
        self.travel(self() + seconds)

    def travel(self, to_seconds: float) -> None:
        """Be at that moment now."""
        self._org_seconds, self._machine_seconds = to_seconds, self._source()
