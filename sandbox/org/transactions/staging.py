"""The changes of one transaction over the tables: what it would see, and what it will leave behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sandbox.org.metadata.objects import Catalogue, ObjectType
from sandbox.org.rows.tables import Rows, Table
from sandbox.org.rows.writes import GONE, Change, Row


class Staging:
    """Changes by record id in the order in which the records were first touched; one change per record."""

    def __init__(self, catalogue: Catalogue, tables: Mapping[str, Table]) -> None:
        self._catalogue = catalogue
        self._tables = tables
        self._changes: dict[str, Change] = {}
        # Staged rows by object, of the objects that were searched by value.
        self._after: dict[str, Rows] = {}

    @property
    def changes(self) -> list[Change]:
        return list(self._changes.values())

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._changes

    def put(self, change: Change) -> None:
        """Stage a change, as part of the one that the record has already."""
        stage(self._changes, change)
        if change.object_name in self._after:
            self._note(self._after[change.object_name], change.record_id)

    def savepoint(self) -> dict[str, Change]:
        return dict(self._changes)

    def roll_back(self, savepoint: dict[str, Change]) -> None:
        self._changes = savepoint
        self._after.clear()

    def staged(self, record_id: str) -> Change | None:
        return self._changes.get(record_id)

    def live(self, object_name: str, record_id: str) -> Row | None:
        """The row as this transaction sees it; None when it is deleted or was never there."""
        staged = self._changes.get(record_id)
        if staged is None:
            table = self._tables.get(object_name)
            return table.live.get(record_id) if table else None
        return staged.after if staged.object_name == object_name and staged.operation not in GONE else None

    def exists(self, object_names: Iterable[str], record_id: str) -> bool:
        return any(self.live(name, record_id) is not None for name in object_names)

    def all(self, object_name: str) -> Iterable[Row]:
        """The live rows of an object before this transaction."""
        return self._tables[object_name].live.values()

    def referring(self, object_name: str, lookup: str, parent_id: str) -> Iterator[Row]:
        """The live rows whose lookup points at the parent, as this transaction sees them."""
        live, staged = self._tables[object_name].live, self._staged_rows(object_name)
        yield from (live[one] for one in live.ids_with(lookup, parent_id) if one not in self._changes)
        yield from (staged[one] for one in staged.ids_with(lookup, parent_id))

    def other_holder(self, object_name: str, field_name: str, value: object, own_id: str | None) -> str | None:
        """Another live record with that value, in any letter case, as this transaction sees it."""
        staged = self._staged_rows(object_name).ids_with(field_name, value)
        stored = self._tables[object_name].live.ids_with(field_name, value)
        holders = [*staged, *(one for one in stored if one not in self._changes)]
        return next((one for one in holders if one != own_id), None)

    def _staged_rows(self, object_name: str) -> Rows:
        rows = self._after.get(object_name)
        if rows is None:
            rows = self._after[object_name] = Rows()
            for record_id, change in self._changes.items():
                if change.object_name == object_name:
                    self._note(rows, record_id)
        return rows

    def _note(self, rows: Rows, record_id: str) -> None:
        change = self._changes.get(record_id)
        if change is None or change.operation in GONE:
            rows.pop(record_id, None)
        else:
            rows[record_id] = change.after

    def children(self, parent_name: str, parent_id: str, *, deleted: bool) -> list[tuple[ObjectType, str, str, Row]]:
        """Records that go with their parent: type, the field that refers to it, id, row."""
        found: list[tuple[ObjectType, str, str, Row]] = []
        for child_type in self._catalogue.types.values():
            for parent, field_name in child_type.cascade_from:
                if parent == parent_name:
                    table = self._tables[child_type.name]
                    rows = table.deleted if deleted else table.live
                    found += [(child_type, field_name, key, rows[key]) for key in rows.ids_with(field_name, parent_id)]
        return found


def stage(changes: dict[str, Change], change: Change) -> None:
    """One record has one change in a transaction: of the first kind, with the final data (CDC guide)."""
    earlier = changes.get(change.record_id)
    if earlier is None:
        changes[change.record_id] = change
    elif change.operation in GONE and earlier.operation == "create":
        # It never was.
        del changes[change.record_id]
    else:
        changes[change.record_id] = _merged(earlier, change)


def _merged(earlier: Change, later: Change) -> Change:
    if later.operation != "update":
        return replace(later, before=earlier.before)
    announced = earlier.announced or later.announced
    if earlier.operation == "update":
        changed = earlier.changed | later.changed
        return replace(later, changed=changed, before=earlier.before, announced=announced)
    return replace(earlier, changed=later.after, after=later.after, announced=announced)
