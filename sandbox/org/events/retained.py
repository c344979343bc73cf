"""The events of one channel that have not expired, found by replay id."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from sandbox.org.memory.spill import SpillFile, Stored

_FILE_BYTES = 64 * 2**20
# Below this a list is not worth being made anew.
_SMALL = 1_000


class LoggedEvent:
    """An event that was published."""

    __slots__ = ("_data", "entity", "published_at_seconds", "replay_id")

    def __init__(self, replay_id: int, published_at_seconds: float, entity: str, data: bytes) -> None:
        self.replay_id = replay_id
        self.published_at_seconds = published_at_seconds
        self.entity = entity
        self._data: bytes | Stored = data

    @property
    def data(self) -> bytes:
        """As it was serialized, once for all subscribers."""
        return self._data if isinstance(self._data, bytes) else self._data.read()

    def spill(self, file: SpillFile) -> None:
        """Keep the data in a file from now on."""
        self._data = file.write(self.data)


class NewestInMemory:
    """Has the newest events keep their data in memory, and those before them in files.

    Three days of an org that changes ten times a second are more than two gigabytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[LoggedEvent] = deque()
        self._file: SpillFile | None = None

    def add(self, event: LoggedEvent, oldest_seconds: float) -> None:
        """Take in an event; what was published before that moment is nobody's business any more."""
        self._events.append(event)
        while self._events and self._events[0].published_at_seconds < oldest_seconds:
            self._events.popleft()
        if len(self._events) <= self._limit:
            return
        # A file goes with the last of its events, so it must not get too many.
        if self._file is None or self._file.size_bytes > _FILE_BYTES:
            self._file = SpillFile()
        self._events.popleft().spill(self._file)


class Retained:
    """Events in the order of their replay ids. The expired ones at the front go now and then, many at a time."""

    __slots__ = ("_events", "_first")

    def __init__(self) -> None:
        self._events: list[LoggedEvent] = []
        self._first = 0

    def __len__(self) -> int:
        return len(self._events) - self._first

    def append(self, event: LoggedEvent) -> None:
        self._events.append(event)

    def clear(self) -> None:
        self._events, self._first = [], 0

    def expire(self, oldest_seconds: float) -> None:
        """Forget what was published before that moment."""
        events, first = self._events, self._first
        while first < len(events) and events[first].published_at_seconds < oldest_seconds:
            first += 1
        self._first = first
        if first > _SMALL and first > len(events) // 2:
            del events[:first]
            self._first = 0

    def has_after(self, position: int) -> bool:
        return bool(self) and self._events[-1].replay_id > position

    def has(self, replay_id: int) -> bool:
        known = self._index_after(replay_id)
        return known > self._first and self._events[known - 1].replay_id == replay_id

    def after(self, position: int, limit: int) -> list[LoggedEvent]:
        """Up to ``limit`` events after a position, oldest first."""
        first = self._index_after(position)
        return self._events[first : first + limit]

    def latest(self, limit: int) -> list[LoggedEvent]:
        """The newest events, oldest first."""
        return self._events[max(self._first, len(self._events) - limit) :]

    def _index_after(self, position: int) -> int:
        return bisect_right(self._events, position, lo=self._first, key=lambda event: event.replay_id)
