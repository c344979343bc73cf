"""The org's own record of every commit: the oracle that tests compare a client's work with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.org.writes import Actor, Operation, Row


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One changed record of one commit; ``after`` is the whole row, ``changed`` the new values."""

    number: int
    kind: Literal["seed", "commit"]
    commit_number: int
    # What the change event says (whole seconds), and when the commit really happened.
    commit_timestamp_ms: int
    committed_at_ms: float
    transaction_key: str
    operation: Operation
    object_name: str
    record_id: str
    changed: Row
    after: Row
    actor: Actor | None
    # The same event has one id on every channel that carries it; None when the object sends no events, or when a
    # fault kept the event back.
    replay_id: int | None
    channels: tuple[str, ...]
    # The event's changeType: GAP_OVERFLOW names no record, so it announces none.
    change_type: str | None = None

    def as_json(self) -> dict[str, object]:
        """The line of the admin API."""
        return {
            "number": self.number,
            "kind": self.kind,
            "commitNumber": self.commit_number,
            "commitTimestamp": self.commit_timestamp_ms,
            "committedAt": self.committed_at_ms,
            "transactionKey": self.transaction_key,
            "operation": self.operation,
            "object": self.object_name,
            "recordId": self.record_id,
            "changed": self.changed,
            "after": self.after,
            "actor": None if self.actor is None else _actor_json(self.actor),
            "changeType": self.change_type,
            "replayIds": {} if self.replay_id is None else dict.fromkeys(self.channels, self.replay_id),
        }


@dataclass(frozen=True, slots=True)
class FaultEntry:
    """One fault that struck: its kind and on what."""

    number: int
    fault: str
    at_ms: float
    detail: Mapping[str, object]

    def as_json(self) -> dict[str, object]:
        """The line of the admin API; it has the keys by which readers pass over commits that are none of theirs."""
        return {
            "number": self.number,
            "kind": "fault",
            "fault": self.fault,
            "detail": dict(self.detail),
            "committedAt": self.at_ms,
            "commitNumber": 0,
            "recordId": "",
            "replayIds": {},
        }


def _actor_json(actor: Actor) -> dict[str, object]:
    return {"userId": actor.user_id, "api": actor.api, "client": actor.client, "origin": actor.change_origin}


class Ledger:
    """Entries in commit order, and how many changes were announced per object and record."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry | FaultEntry] = []
        self._events: Counter[str] = Counter()
        self._changes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._faults: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, entry: LedgerEntry) -> None:
        self._entries.append(entry)
        if entry.replay_id is not None and entry.change_type != "GAP_OVERFLOW":
            self.count_changes(entry.object_name, [entry.record_id])

    def append_fault(self, fault: str, at_ms: float, detail: Mapping[str, object]) -> None:
        self._entries.append(FaultEntry(len(self) + 1, fault, at_ms, detail))
        self._faults[fault] += 1

    def count_event(self, entity: str) -> None:
        self._events[entity] += 1

    def count_changes(self, entity: str, record_ids: Iterable[str]) -> None:
        """Changes of these records were announced."""
        self._changes[entity].update(record_ids)

    def lines(self, number: int, limit: int | None = None) -> Iterator[LedgerEntry | FaultEntry]:
        """Entries of every kind with a greater number, oldest first."""
        stop = len(self._entries) if limit is None else min(len(self._entries), number + limit)
        return (self._entries[index] for index in range(max(number, 0), stop))

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
