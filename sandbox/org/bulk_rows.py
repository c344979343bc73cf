"""Rows of an ingest job: from cells to writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.org.bulk_layout import NULL_CELL, ColumnOf, Layout, ParentKey
from sandbox.org.key_index import KeyIndexes
from sandbox.org.objects import FieldType
from sandbox.org.store import Org
from sandbox.org.writes import Operation, RowError, RowResult, Write

_OPERATIONS: dict[str, Operation] = {"update": "update", "delete": "delete", "hardDelete": "hard_delete"}
_ID_IN_INSERT = RowError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",))


class _Refused(Exception):
    """The row cannot be written; carries the reason."""

    def __init__(self, status_code: str, message: str) -> None:
        super().__init__(message)
        self.error = RowError(status_code, message)


@dataclass(slots=True)
class Writer:
    """Turns rows into writes for one internal batch of an ingest job."""

    org: Org
    layout: Layout
    operation: str
    external_id: FieldType
    _indexes: KeyIndexes = field(init=False)
    # Upsert: keys that the current transaction is about to create.
    _being_created: set[str] = field(default_factory=set)
    _names: tuple[str, ...] = field(init=False)
    _parents: tuple[tuple[int, ColumnOf, ParentKey], ...] = field(init=False)

    def __post_init__(self) -> None:
        self._indexes = KeyIndexes(self.org)
        self._names = tuple(column.field.name for column in self.layout.columns)
        self._parents = self.layout.parents

    def begin_batch(self) -> None:
        self._indexes.clear()

    def begin_transaction(self) -> None:
        self._being_created.clear()

    def prepare(self, cells: Sequence[str]) -> Write | RowResult:
        """The write that a row asks for, or why it cannot be made."""
        by_name = dict(zip(self._names, cells, strict=True))
        record_id = by_name.pop("Id", "")
        try:
            return self._write(record_id, by_name)
        except _Refused as refusal:
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
            raise _Refused("MISSING_ARGUMENT", f"Id not specified in an {self.operation} call")
        return record_id

    def _fields(self, cells: dict[str, str]) -> dict[str, object]:
        """An empty cell says nothing, `#N/A` clears the field."""
        for _, column, parent in self._parents:
            cell = cells[column.field.name]
            if cell not in {"", NULL_CELL}:
                cells[column.field.name] = self._parent_id(parent, cell)
        return {name: None if cell == NULL_CELL else cell for name, cell in cells.items() if cell != ""}

    def _parent_id(self, parent: ParentKey, value: str) -> str:
        key, parent_type = parent.key, parent.parent
        if not key.id_lookup:
            rule = f"does not match an External ID, Salesforce Id, or indexed field for {parent_type.name}"
            raise _Refused("INVALID_FIELD", f"Field name provided, {key.name} {rule}")
        found = self._indexes.find(parent_type, key, value)
        if not found:
            place = f"for field {key.name} in entity {parent_type.name}"
            raise _Refused("INVALID_FIELD", f"Foreign key external ID: {value} not found {place}")
        return _only(key, found)

    def _upsert(self, record_id: str, fields: dict[str, object]) -> Write:
        object_type, key_field = self.layout.object_type, self.external_id
        name = object_type.name
        if key_field.type == "id":
            return Write("update", name, record_id, fields) if record_id else Write("create", name, None, fields)
        key = str(fields.get(key_field.name) or "")
        if not key:
            raise _Refused("MISSING_ARGUMENT", f"{key_field.name} not specified")
        found = self._indexes.find(object_type, key_field, key)
        if found:
            return Write("update", name, _only(key_field, found), fields)
        if key.lower() in self._being_created:
            raise _Refused("DUPLICATE_VALUE", f"Duplicate external id specified: {key}")
        self._being_created.add(key.lower())
        return Write("create", name, None, fields)

    def note(self, write: Write, result: RowResult) -> None:
        """Later transactions of the batch find what earlier ones created."""
        if result.created and result.record_id and self.operation == "upsert" and self.external_id.type != "id":
            key = str(write.fields[self.external_id.name])
            self._indexes.note(self.layout.object_type, self.external_id, key, result.record_id)


def _only(key: FieldType, record_ids: list[str]) -> str:
    if len(record_ids) > 1:
        message = f"{key.label}: more than one record found for external id field: [{', '.join(record_ids)}]"
        raise _Refused("DUPLICATE_EXTERNAL_ID", message)
    return record_ids[0]


def _refused(record_id: str, error: RowError) -> RowResult:
    return RowResult(record_id or None, success=False, created=False, errors=(error,))
