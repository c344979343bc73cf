"""`TYPEOF`: which fields of a polymorphic parent are read depends on what it is."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.org.metadata.objects import FieldType
from sandbox.org.soql.language.errors import malformed, unknown_relationship
from sandbox.org.soql.language.syntax import Path, TypeOf
from sandbox.org.soql.schema import Binder, Column, Row, find_object, relationship

#: The type of a column that reads a `TypedParent`, or None.
TYPEOF_TYPE = "typeof"


@dataclass(frozen=True, slots=True)
class TypedParent:
    """A parent, and the columns that its type has in the query, which read from its own row."""

    object_name: str
    row: Row
    columns: tuple[Column, ...]


def type_column(binder: Binder, item: TypeOf) -> Column:
    """Raises SoqlError for a relationship that is not polymorphic, or a type that it does not point at."""
    text, offset = binder.query.text, item.path.offset
    reference = relationship(binder.object_type, item.path.parts[-1])
    if reference is None or len(item.path.parts) > 1:
        raise unknown_relationship(text, offset, item.path.text)
    if len(reference.reference_to) < 2:
        raise malformed(text, offset, f"cannot use TYPEOF on {item.path.text}: it is not a polymorphic relationship")
    cases = {name.lower(): fields for name, fields in item.cases}
    unknown = cases.keys() - {one.lower() for one in reference.reference_to}
    if unknown:
        raise malformed(text, offset, f"{item.path.text} cannot be of type {', '.join(sorted(unknown))}")
    columns = {
        target: _columns(binder, target, cases.get(target.lower(), item.otherwise)) for target in reference.reference_to
    }
    source, link = binder.source, reference.name

    def read(row: Row) -> TypedParent | None:
        parent_id = str(row.get(link) or "")
        for target, fields in columns.items():
            parent = source.get(target, parent_id) if parent_id and target in source.objects() else None
            if parent is not None:
                return TypedParent(target, parent, fields)
        return None

    field = FieldType(str(reference.relationship_name), TYPEOF_TYPE, "", createable=False, updateable=False)
    return Column((field.name,), field, read)


def _columns(binder: Binder, object_name: str, paths: tuple[Path, ...]) -> tuple[Column, ...]:
    object_type = find_object(binder.source, object_name)
    if object_type is None:
        return ()
    return tuple(binder.on(object_type).column(path) for path in paths)
