"""Which record holds a value of a unique field."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.org.objects import FieldType, ObjectType
from sandbox.org.tables import Table
from sandbox.org.writes import Row


class UniqueIndex:
    """Built at the first look, kept up by `note`, and verified at every look: stale entries find nothing."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._ids: dict[tuple[str, str], dict[str, str]] = {}

    def holder(self, object_type: ObjectType, field: FieldType, value: object) -> str | None:
        """The id of the live record with that value, in any letter case."""
        live = self._tables[object_type.name].live
        ids = self._ids.get((object_type.name, field.name))
        if ids is None:
            ids = {_key(row[field.name]): key for key, row in live.items() if row.get(field.name) is not None}
            self._ids[object_type.name, field.name] = ids
        record_id = ids.get(_key(value))
        row = live.get(record_id) if record_id else None
        return record_id if row is not None and _key(row.get(field.name)) == _key(value) else None

    def note(self, object_type: ObjectType, row: Row) -> None:
        """Take in a row that is about to be live."""
        for field in object_type.unique_fields:
            ids = self._ids.get((object_type.name, field.name))
            if ids is not None and row.get(field.name) is not None:
                ids[_key(row[field.name])] = str(row["Id"])

    def forget(self) -> None:
        """Start again, after rows were put back behind its back."""
        self._ids.clear()


def _key(value: object) -> str:
    return str(value).lower()
