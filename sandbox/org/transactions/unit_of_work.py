"""Several commits as one: visible to each other at once, announced together at the end, or all undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.org.rows.tables import Table
from sandbox.org.rows.writes import Actor, Change, Row
from sandbox.org.transactions.staging import stage


@dataclass(slots=True)
class UnitOfWork:
    """Collects the changes of its commits. Nothing else may write meanwhile: do not await anything that waits."""

    _tables: Mapping[str, Table]
    _changes: dict[str, Change] = field(default_factory=dict)
    actor: Actor | None = None
    failed: bool = False
    # What each record was before, newest last: table, id, live row, deleted row.
    _before: list[tuple[Table, str, Row | None, Row | None]] = field(default_factory=list)

    @property
    def changes(self) -> list[Change]:
        """One change for each record, however many commits had a part in it."""
        return list(self._changes.values())

    def stage(self, changes: Sequence[Change], actor: Actor) -> None:
        """Remember the records as they are, before the changes are put."""
        for change in changes:
            table, key = self._tables[change.object_name], change.record_id
            self._before.append((table, key, table.live.get(key), table.deleted.get(key)))
        for change in changes:
            stage(self._changes, change)
        self.actor = actor

    def fail(self) -> None:
        """Undo everything at the end of the block."""
        self.failed = True

    def undo(self) -> None:
        for table, key, live, deleted in reversed(self._before):
            for rows, row in ((table.live, live), (table.deleted, deleted)):
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row
