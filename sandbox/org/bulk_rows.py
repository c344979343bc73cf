"""Rows of an ingest job: from cells to writes, from results to lines of the three result files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.org.bulk_csv import Upload, UploadError
from sandbox.org.java_text import java_double
from sandbox.org.objects import ObjectType
from sandbox.org.store import Org
from sandbox.org.writes import Operation, RowError, RowResult, Write

NULL_CELL = "#N/A"
_FLOATING = frozenset({"double", "currency", "percent"})
_ID_IN_INSERT = RowError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",))
_NO_ID = RowError("MISSING_ARGUMENT", "Id not specified in an {0} call")


@dataclass(slots=True)
class IngestRow:
    """One uploaded row and what became of it; `result` None means not processed."""

    cells: list[str]
    result: RowResult | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The uploaded columns, resolved: exact field names in column order, and the column of the record id."""

    object_type: ObjectType
    header_line: str
    columns: tuple[str, ...]

    @classmethod
    def of(cls, object_type: ObjectType, upload: Upload) -> Layout:
        """UploadError names the first column that is not a field; a byte order mark makes one of the first column."""
        names: list[str] = []
        for column in upload.columns:
            found = object_type.find(column)
            if found is None:
                raise UploadError(f"InvalidBatch : Field name not found : {column}")
            if found.name in names:
                raise UploadError(f"InvalidBatch : Duplicate field name : {column}")
            names.append(found.name)
        return cls(object_type, upload.header_line, tuple(names))

    def values(self, cells: Sequence[str]) -> dict[str, str]:
        return dict(zip(self.columns, cells, strict=True))

    def successful_cells(self, cells: Sequence[str]) -> list[str]:
        """The cells as success files show them: numbers rendered anew in Java's form."""
        return [self._rendered(name, cell) for name, cell in zip(self.columns, cells, strict=True)]

    def _rendered(self, name: str, cell: str) -> str:
        if self.object_type.by_name[name].type not in _FLOATING or cell in {"", NULL_CELL}:
            return cell
        try:
            return java_double(float(cell))
        except ValueError:  # a delete ignores its other cells, whatever they hold
            return cell


@dataclass(slots=True)
class Writer:
    """Turns rows into writes for one internal batch of an ingest job."""

    org: Org
    layout: Layout
    operation: str
    external_id: str = "Id"
    # Upsert: records by external id, lower case; built once per batch and kept up with what the batch creates.
    _by_external_id: dict[str, list[str]] = field(default_factory=dict)

    # Upsert: keys that the current transaction is about to create.
    _being_created: set[str] = field(default_factory=set)

    def begin_transaction(self) -> None:
        self._being_created.clear()

    def begin_batch(self) -> None:
        if self.operation != "upsert" or self.external_id == "Id":
            return
        self._by_external_id.clear()
        for row in self.org.rows(self.layout.object_type.name):
            if row.get(self.external_id):
                self._remember(str(row[self.external_id]), str(row["Id"]))

    def _remember(self, key: str, record_id: str) -> None:
        self._by_external_id.setdefault(key.lower(), []).append(record_id)

    def prepare(self, row: IngestRow) -> Write | RowResult:
        """The write that a row asks for, or why it cannot be made."""
        values = self.layout.values(row.cells)
        record_id = values.pop("Id", "")
        fields: dict[str, object] = {
            name: None if cell == NULL_CELL else cell for name, cell in values.items() if cell != ""
        }
        name = self.layout.object_type.name
        if self.operation == "insert" and record_id:
            return _refused("", _ID_IN_INSERT)
        if self.operation == "insert":
            return Write("create", name, None, fields)
        if self.operation == "upsert":
            return self._upsert(record_id, fields)
        if not record_id:
            return _refused("", RowError(_NO_ID.status_code, _NO_ID.message.format(self.operation)))
        operation = _OPERATIONS[self.operation]
        return Write(operation, name, record_id, fields if operation == "update" else {})

    def _upsert(self, record_id: str, fields: dict[str, object]) -> Write | RowResult:
        name = self.layout.object_type.name
        if self.external_id == "Id":
            return Write("update", name, record_id, fields) if record_id else Write("create", name, None, fields)
        key = str(fields.get(self.external_id) or "")
        if not key:
            return _refused("", RowError("MISSING_ARGUMENT", f"{self.external_id} not specified"))
        matches = self._by_external_id.get(key.lower(), [])
        if len(matches) > 1:
            found = ", ".join(matches)
            message = f"more than one record found for external id field: [{found}]"
            return _refused("", RowError("DUPLICATE_EXTERNAL_ID", message))
        if matches:
            return Write("update", name, matches[0], fields)
        if key.lower() in self._being_created:
            return _refused("", RowError("DUPLICATE_VALUE", f"Duplicate external id specified: {key}"))
        self._being_created.add(key.lower())
        return Write("create", name, None, fields)

    def note(self, write: Write, result: RowResult) -> None:
        """Later rows of the batch find what earlier ones created."""
        if result.created and result.record_id and self.operation == "upsert" and self.external_id != "Id":
            self._remember(str(write.fields[self.external_id]), result.record_id)


_OPERATIONS: dict[str, Operation] = {"update": "update", "delete": "delete", "hardDelete": "hard_delete"}


def _refused(record_id: str, error: RowError) -> RowResult:
    return RowResult(record_id or None, success=False, created=False, errors=(error,))


def error_text(errors: Iterable[RowError]) -> str:
    """`CODE:message:Field,Field --` of the first error; `:--` without fields."""
    first = next(iter(errors))
    fields = f"{','.join(first.fields)} --" if first.fields else "--"
    return f"{first.status_code}:{first.message}:{fields}"


def successful_line_cells(layout: Layout, row: IngestRow, result: RowResult) -> list[str]:
    created = str(result.created).lower()
    return [result.record_id or "", created, *layout.successful_cells(row.cells)]


def failed_line_cells(row: IngestRow, result: RowResult, operation: str) -> list[str]:
    """A row that was to create a record has no id."""
    record_id = "" if operation == "insert" else result.record_id or ""
    return [record_id, error_text(result.errors), *row.cells]


def split_rows(rows: Iterable[IngestRow]) -> Mapping[str, list[IngestRow]]:
    """The rows by result file."""
    files: dict[str, list[IngestRow]] = {"successful": [], "failed": [], "unprocessed": []}
    for row in rows:
        name = "unprocessed" if row.result is None else "successful" if row.result.success else "failed"
        files[name].append(row)
    return files
