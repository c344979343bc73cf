"""The org's own record of every commit: the oracle that tests compare a client's work with."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from sandbox.org.events.change_events import Commit
from sandbox.org.ledger.entries import Entry, FaultEntry, LedgerEntry
from sandbox.org.ledger.sections import Held, Section, Seeds, Spilled
from sandbox.org.memory.spill import SpillFile
from sandbox.org.rows.tables import Snapshot

__all__ = ["Entry", "FaultEntry", "Ledger", "LedgerEntry"]

# What is compressed and read back in one piece: some milliseconds.
_SECTION_ENTRIES = 1_000


class Ledger:
    """Entries in commit order, and how many changes were announced per object and record.

    Entries beyond the newest ``in_memory`` go to a temporary file, so that an org may run for as long as it likes.
    """

    def __init__(self, in_memory: int = 20_000) -> None:
        self._in_memory = in_memory
        #: Opened when there is something to put in it.
        self._file: SpillFile | None = None
        self._sections: list[Section] = []
        #: Positions of the sections that are in memory, oldest first; the last one grows.
        self._held: list[int] = []
        self._length = 0
        self._events: Counter[str] = Counter()
        self._changes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._faults: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._length

    def append(self, entry: LedgerEntry) -> None:
        self._append(entry)
        if entry.replay_id is not None and entry.change_type != "GAP_OVERFLOW":
            self.count_changes(entry.object_name, [entry.record_id])

    def append_seeds(self, object_name: str, commit: Commit, rows: Snapshot) -> None:
        """An entry for each of these rows, which were there before anybody could see them come."""
        if rows:
            self._sections.append(Seeds(len(self) + 1, object_name, commit, rows))
            self._length += len(rows)

    def append_fault(self, fault: str, at_ms: float, detail: Mapping[str, object]) -> None:
        self._append(FaultEntry(len(self) + 1, fault, at_ms, detail))
        self._faults[fault] += 1

    def _append(self, entry: Entry) -> None:
        last = self._sections[-1] if self._sections else None
        if not isinstance(last, Held) or len(last) >= _SECTION_ENTRIES:
            last = self._new_section()
        last.held.append(entry)
        self._length += 1

    def _new_section(self) -> Held:
        if len(self._held) * _SECTION_ENTRIES >= self._in_memory and self._held:
            oldest = self._held.pop(0)
            section = self._sections[oldest]
            assert isinstance(section, Held)
            self._file = self._file or SpillFile()
            self._sections[oldest] = Spilled.of(section, self._file)
        section = Held(len(self) + 1)
        self._held.append(len(self._sections))
        self._sections.append(section)
        return section

    def count_event(self, entity: str) -> None:
        self._events[entity] += 1

    def count_changes(self, entity: str, record_ids: Iterable[str]) -> None:
        """Changes of these records were announced."""
        self._changes[entity].update(record_ids)

    def lines(self, number: int, limit: int | None = None) -> Iterator[Entry]:
        """Entries of every kind with a greater number, oldest first; those that come meanwhile are left out."""
        start = max(number, 0)
        stop = len(self) if limit is None else min(len(self), start + limit)
        at = bisect_right(self._sections, start + 1, key=lambda section: section.first) - 1
        return self._between(max(at, 0), start, stop)

    def _between(self, at: int, start: int, stop: int) -> Iterator[Entry]:
        while start < stop:
            section = self._sections[at]
            before = section.first - 1
            yield from section.entries(start - before, stop - before)
            start = before + len(section)
            at += 1

    def after(self, number: int, limit: int | None = None) -> Iterator[LedgerEntry]:
        """The commits and seeds among ``lines``."""
        return (entry for entry in self.lines(number, limit) if isinstance(entry, LedgerEntry))

    @property
    def faults(self) -> Mapping[str, int]:
        """How often each kind of fault struck."""
        return self._faults

    @property
    def events_by_entity(self) -> Mapping[str, int]:
        """Change events published; one event may name several records."""
        return self._events

    def changes_by_record(self, entity: str) -> Mapping[str, int]:
        """Announced changes per record id: what a client that loses nothing must have seen."""
        return self._changes[entity]
