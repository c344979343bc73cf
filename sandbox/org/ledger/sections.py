"""Stretches of the ledger in the three forms in which it keeps them: recent ones as they are, old ones in a file, seeds
as the rows that were loaded."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Protocol, Self

import orjson

from sandbox.org.events.change_events import Commit
from sandbox.org.ledger.entries import Entry, FaultEntry, LedgerEntry
from sandbox.org.memory.spill import SpillFile, Stored
from sandbox.org.rows.tables import Snapshot
from sandbox.org.rows.writes import Actor

# The fastest: a ledger is written far more often than it is read.
_COMPRESSION_LEVEL = 1


class Section(Protocol):
    """Entries with consecutive numbers."""

    @property
    def first(self) -> int:
        """The number of its first entry."""

    def __len__(self) -> int: ...

    def entries(self, start: int, stop: int) -> Iterable[Entry]:
        """Those at these positions within the section."""


@dataclass(frozen=True, slots=True)
class Held:
    """Entries in memory."""

    first: int
    held: list[Entry] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.held)

    def entries(self, start: int, stop: int) -> Iterable[Entry]:
        return self.held[start:stop]


@dataclass(frozen=True, slots=True)
class Seeds:
    """Rows that were loaded in one go: their entries are made when somebody asks."""

    first: int
    object_name: str
    commit: Commit
    rows: Snapshot

    def __len__(self) -> int:
        return len(self.rows)

    def entries(self, start: int, stop: int) -> Iterator[Entry]:
        commit = self.commit
        for number, row in enumerate(self.rows[start:stop], start=self.first + start):
            yield LedgerEntry(
                number=number,
                kind="seed",
                commit_number=commit.number,
                commit_timestamp_ms=commit.timestamp_ms,
                committed_at_ms=commit.committed_at_ms,
                transaction_key=commit.transaction_key,
                operation="create",
                object_name=self.object_name,
                record_id=str(row["Id"]),
                changed=row,
                after=row,
                actor=None,
                replay_id=None,
                channels=(),
            )


@dataclass(frozen=True, slots=True)
class Spilled:
    """Entries in a file."""

    first: int
    count: int
    _stored: Stored

    @classmethod
    def of(cls, section: Held, file: SpillFile) -> Self:
        text = orjson.dumps([_parts(entry) for entry in section.held])
        return cls(section.first, len(section), file.write(zlib.compress(text, _COMPRESSION_LEVEL)))

    def __len__(self) -> int:
        return self.count

    def entries(self, start: int, stop: int) -> Iterator[Entry]:
        entries: list[list[Any]] = orjson.loads(zlib.decompress(self._stored.read()))
        return (_entry(parts) for parts in entries[start:stop])


_COMMIT_FIELDS = [one.name for one in fields(LedgerEntry)]
_FAULT_FIELDS = [one.name for one in fields(FaultEntry)]
_COMMIT_PARTS = attrgetter(*_COMMIT_FIELDS)
_ACTOR_PARTS = attrgetter(*(one.name for one in fields(Actor)))
_CHANGED, _AFTER, _ACTOR, _CHANNELS = map(_COMMIT_FIELDS.index, ("changed", "after", "actor", "channels"))


def _parts(entry: Entry) -> list[Any]:
    """The fields in their order. Of a creation all is new, which need not be said twice."""
    if isinstance(entry, FaultEntry):
        return [getattr(entry, name) for name in _FAULT_FIELDS]
    parts = list(_COMMIT_PARTS(entry))
    parts[_CHANGED] = None if entry.changed is entry.after else entry.changed
    parts[_ACTOR] = None if entry.actor is None else _ACTOR_PARTS(entry.actor)
    return parts


def _entry(parts: list[Any]) -> Entry:
    if len(parts) == len(_FAULT_FIELDS):
        return FaultEntry(*parts)
    if parts[_CHANGED] is None:
        parts[_CHANGED] = parts[_AFTER]
    parts[_ACTOR] = None if parts[_ACTOR] is None else Actor(*parts[_ACTOR])
    parts[_CHANNELS] = tuple(parts[_CHANNELS])
    return LedgerEntry(*parts)
