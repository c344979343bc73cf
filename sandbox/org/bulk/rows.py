"""Rows of an ingest job: from cells to writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.org.bulk.layout import NULL_CELL, ColumnOf, Layout
from sandbox.org.metadata.objects import FieldType
from sandbox.org.rows.writes import Operation, RowError, RowResult, Write
from sandbox.org.store.lookup import RowRefusedError, find_records, key_value, only_id, parent_id
from sandbox.org.store.sharing import UserView

_OPERATIONS: dict[str, Operation] = {"update": "update", "delete": "delete", "hardDelete": "hard_delete"}
_ID_IN_INSERT = RowError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",))


@dataclass(slots=True)
class Writer:
    """Turns the rows of an ingest job into writes."""

    view: UserView
    layout: Layout
    operation: str
    external_id: FieldType
    # Upsert: keys that the current transaction has met.
    _keys: set[str] = field(default_factory=set)
    _names: tuple[str, ...] = field(init=False)
    _references: tuple[ColumnOf, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._names = tuple(column.field.name for column in self.layout.columns)
        self._references = self.layout.references

    def begin_transaction(self) -> None:
        self._keys.clear()

    def prepare(self, cells: Sequence[str]) -> Write | RowResult:
        """The write that a row asks for, or why it cannot be made."""
        by_name = dict(zip(self._names, cells, strict=True))
        record_id = by_name.pop("Id", "")
        try:
            return self._write(record_id, by_name)
        except RowRefusedError as refusal:
            return _refused(record_id, refusal.error)

    def _write(self, record_id: str, cells: dict[str, str]) -> Write | RowResult:
        name = self.layout.object_type.name
        if self.operation in {"delete", "hardDelete"}:
            return Write(_OPERATIONS[self.operation], name, self._given(record_id), {})
        fields = self._fields(cells)
        if self.operation == "update":
            return Write("update", name, self._given(record_id), fields)
        if self.operation == "upsert":
            return self._upsert(record_id, fields)
        return _refused("", _ID_IN_INSERT) if record_id else Write("create", name, None, fields)

    def _given(self, record_id: str) -> str:
        if not record_id:
            raise RowRefusedError("MISSING_ARGUMENT", f"Id not specified in an {self.operation} call")
        return record_id

    def _fields(self, cells: dict[str, str]) -> dict[str, object]:
        """An empty cell says nothing, `#N/A` clears the field."""
        for column in self._references:
            cell = cells[column.field.name]
            if cell not in {"", NULL_CELL}:
                cells[column.field.name] = parent_id(self.view, column.parents, cell)
        return {name: None if cell == NULL_CELL else cell for name, cell in cells.items() if cell != ""}

    def _upsert(self, record_id: str, fields: dict[str, object]) -> Write:
        object_type, key_field = self.layout.object_type, self.external_id
        name = object_type.name
        if key_field.type == "id":
            return Write("update", name, record_id, fields) if record_id else Write("create", name, None, fields)
        key = str(fields.get(key_field.name) or "")
        if not key:
            raise RowRefusedError("MISSING_ARGUMENT", f"{key_field.name} not specified")
        normal_key = str(key_value(key_field, key)).lower()
        if normal_key in self._keys:
            raise RowRefusedError("DUPLICATE_VALUE", f"Duplicate external id specified: {key}", key_field.name)
        self._keys.add(normal_key)
        found = find_records(self.view, object_type, key_field, key)
        if found:
            return Write("update", name, only_id(key_field, found), fields)
        return Write("create", name, None, fields)


def _refused(record_id: str, error: RowError) -> RowResult:
    return RowResult(record_id or None, success=False, created=False, errors=(error,))
