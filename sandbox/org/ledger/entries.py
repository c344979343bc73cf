"""What the ledger says of one record of one commit, and of one fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.org.rows.writes import Actor, Operation, Row


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


Entry = LedgerEntry | FaultEntry
