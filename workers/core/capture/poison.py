"""When so much of what a team's org sends is malformed that going on would only park it all."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

WINDOW_EVENTS = 1000
LIMIT_SHARE = 0.05
LIMIT_IN_A_ROW = 100


class PoisonLimit:
    """Told of every event, in order, whether it was malformed."""

    def __init__(self) -> None:
        self._window: deque[bool] = deque(maxlen=WINDOW_EVENTS)
        self._in_a_row = 0

    def note(self, malformed: Sequence[bool]) -> None:
        self._window.extend(malformed)
        for one in malformed:
            if self._in_a_row < LIMIT_IN_A_ROW:  # past it nothing brings it back: the verdict must not depend on when
                self._in_a_row = self._in_a_row + 1 if one else 0

    def exceeded(self) -> str | None:
        """Why the team must stop; None while it need not. The share counts only once the window is full."""
        if self._in_a_row >= LIMIT_IN_A_ROW:
            return f"{LIMIT_IN_A_ROW} events in a row were malformed"
        malformed = sum(self._window)
        if len(self._window) == WINDOW_EVENTS and malformed > LIMIT_SHARE * WINDOW_EVENTS:
            return f"{malformed} of the last {WINDOW_EVENTS} events were malformed"
        return None
