"""What a transaction asks of the user who writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sandbox.org.metadata.objects import ObjectType
from sandbox.org.rows.writes import Row, RowError, Write
from sandbox.org.users.permissions import UserAccess

#: The record that a write names, or refers to, is there and hidden from the user.
HIDDEN = RowError("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "insufficient access rights on cross-reference id")


class Rights(Protocol):
    """The org as the user sees it; ``UserView`` is it."""

    access: UserAccess

    def sees(self, object_names: Iterable[str], record_id: str) -> bool:
        """Whether the user may see the record, which is one of these objects."""
        ...

    def value_errors(self, object_name: str, given: Row, before: Row) -> list[RowError]:
        """Why values cannot be saved that their fields alone would take."""
        ...

    def refusal(self, write: Write, object_type: ObjectType, row: Row | None) -> RowError | None:
        """Why the user may not make this write to this row; `row` is None for a creation."""
        ...
