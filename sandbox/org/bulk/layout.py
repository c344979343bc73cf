"""The columns of an uploaded file: fields of the object, or keys of the records that they refer to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.org.bulk.csv_text import Upload, UploadError
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.values.java_text import java_double

NULL_CELL = "#N/A"
_FLOATING = frozenset({"double", "currency", "percent"})
#: A parent's type and the field that names it, as in the column `Account.Ext__c`.
ParentKey = tuple[ObjectType, FieldType]
#: Finds an object type by its name in any letter case.
FindObject = Callable[[str], ObjectType | None]


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """What a column gives: a field's value, or with `parents` the key of the record that the field refers to.

    There are several when a reference to several types does not say which of them is meant.
    """

    field: FieldType
    parents: tuple[ParentKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns in the order of the file."""

    object_type: ObjectType
    header_line: str
    columns: tuple[ColumnOf, ...]

    @classmethod
    def of(cls, object_type: ObjectType, upload: Upload, find_object: FindObject) -> Layout:
        """UploadError names the first column that is not a field; a byte order mark makes one of the first column."""
        columns: dict[str, ColumnOf] = {}
        for header in upload.columns:
            column = _column(object_type, header, find_object)
            if columns.setdefault(column.field.name, column) is not column:
                raise UploadError(f"InvalidBatch : Duplicate field name : {header}")
        return cls(object_type, upload.header_line, tuple(columns.values()))

    def require(self, field_name: str) -> None:
        """UploadError when the file has no column of the field by which records are found."""
        if not any(column.field.name == field_name and not column.parents for column in self.columns):
            raise UploadError(f"InvalidBatch : Field name not found : {field_name}")

    @property
    def references(self) -> tuple[ColumnOf, ...]:
        """The columns that name parents by a key."""
        return tuple(one for one in self.columns if one.parents)

    def successful_cells(self, cells: Sequence[str]) -> list[str]:
        """The cells as success files show them: numbers rendered anew in Java's form."""
        return [_rendered(column, cell) for column, cell in zip(self.columns, cells, strict=True)]


def _column(object_type: ObjectType, header: str, find_object: FindObject) -> ColumnOf:
    if "." in header:
        return _parent_column(object_type, header, find_object)
    field = object_type.find(header)
    if field is None:
        raise UploadError(f"InvalidBatch : Field name not found : {header}")
    return ColumnOf(field)


def _parent_column(object_type: ObjectType, header: str, find_object: FindObject) -> ColumnOf:
    """`Relationship.Key`, or `Type:Relationship.Key` for a reference to several types."""
    path, _, key_name = header.partition(".")
    type_name, _, relationship = path.rpartition(":")
    reference = _reference(object_type, relationship)
    if reference is None:
        raise UploadError(f"InvalidBatch : Field name not found : {header}")
    if type_name and len(reference.reference_to) == 1:
        raise UploadError(f"InvalidBatch : type is not needed for non polymorphic foreign key reference : {header}")
    names = [one for one in reference.reference_to if not type_name or one.lower() == type_name.lower()]
    types = [one for one in map(find_object, names) if one is not None]
    parents = tuple((one, key) for one in types if (key := one.find(key_name)) is not None)
    if not parents:
        raise UploadError(f"InvalidBatch : Field name not found : {header}")
    return ColumnOf(reference, parents)


def _reference(object_type: ObjectType, relationship: str) -> FieldType | None:
    lowered = relationship.lower()
    return next((one for one in object_type.references if (one.relationship_name or "").lower() == lowered), None)


def _rendered(column: ColumnOf, cell: str) -> str:
    if column.field.type not in _FLOATING or cell in {"", NULL_CELL}:
        return cell
    try:
        return java_double(float(cell))
    except ValueError:  # a delete ignores its other cells, whatever they hold
        return cell
