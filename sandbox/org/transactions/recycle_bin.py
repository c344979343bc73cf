"""The recycle bin: what was deleted is kept for some days, and not without limit.

Help, "View, Restore, and Manage the Recycle Bin": fifteen days, and 25 records for each megabyte of storage.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

from sandbox.org.rows.tables import Table
from sandbox.org.values.timestamps import parse_datetime

_DAY_SECONDS = 86_400
# Looking more often changes nothing that anybody could tell.
_SWEEP_SECONDS = 60


@dataclass(slots=True)
class RecycleBin:
    """Purges deleted rows that are too old or too many; nobody is told."""

    tables: Mapping[str, Table]
    clock: Callable[[], float]
    kept_days: float
    max_records: int
    _due_seconds: float = 0.0

    def sweep(self) -> None:
        """Purge what is due, once in a while. To be called before anybody looks at deleted rows."""
        now = self.clock()
        if now < self._due_seconds:
            return
        self._due_seconds = now + _SWEEP_SECONDS
        for table in self.tables.values():
            if table.deleted:
                self._purge_older_than(table, now - self.kept_days * _DAY_SECONDS)
        surplus = sum(len(table.deleted) for table in self.tables.values()) - self.max_records
        if surplus > 0:
            self._purge_oldest(surplus)

    def _purge_older_than(self, table: Table, oldest_seconds: float) -> None:
        """Rows lie in the order in which they were deleted."""
        for record_id in list(takewhile(lambda one: _deleted_at(table, one) < oldest_seconds, table.deleted)):
            del table.deleted[record_id]

    def _purge_oldest(self, count: int) -> None:
        for _, name, record_id in heapq.nsmallest(count, self._contents()):
            del self.tables[name].deleted[record_id]

    def _contents(self) -> Iterator[tuple[float, str, str]]:
        for name, table in self.tables.items():
            for record_id in table.deleted:
                yield _deleted_at(table, record_id), name, record_id


def _deleted_at(table: Table, record_id: str) -> float:
    return parse_datetime(str(table.deleted[record_id]["SystemModstamp"])).timestamp()
