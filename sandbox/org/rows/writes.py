"""The vocabulary of a transaction: who writes, what, and what became of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: ``hard_delete`` takes a record out of the recycle bin, or past it.
Operation = Literal["create", "update", "delete", "undelete", "hard_delete"]
#: After these a record is not live.
GONE: frozenset[Operation] = frozenset({"delete", "hard_delete"})

#: Flat field values of one record; a field that is null is absent. Rows handed out by the org are never changed in
#: place by anybody: a commit puts a new dict in the old one's place.
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, as ``changeOrigin`` and the audit fields show it."""

    user_id: str
    api: str
    client: str | None = None
    api_version: str = "62.0"

    @property
    def change_origin(self) -> str:
        """``com/salesforce/api/rest/62.0;client=X``; no client part when the caller sent none."""
        if not self.api:
            return ""
        origin = f"com/salesforce/api/{self.api}/{self.api_version}"
        return f"{origin};client={self.client}" if self.client else origin


@dataclass(slots=True)
class Write:
    """One row of a transaction: flat API names; None clears a field."""

    operation: Operation
    object_name: str
    record_id: str | None
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class RowError:
    """One reason why a row was refused."""

    status_code: str
    message: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row, in the order of the writes."""

    record_id: str | None
    success: bool
    created: bool
    errors: tuple[RowError, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One record that a transaction changed; ``changed`` holds new values by field, None where cleared."""

    operation: Operation
    object_name: str
    record_id: str
    changed: Row
    after: Row
    # The row as it was, of an update.
    before: Row | None = None
    # False: no event tells it, as when Salesforce changes rows past its triggers.
    announced: bool = True
    # By how much the event's commit timestamp lies behind those of the transaction's other events.
    told_later_ms: int = 0
