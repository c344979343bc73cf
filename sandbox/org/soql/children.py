"""Child queries: `(SELECT Id FROM Contacts)` in the field list of a query on Account."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.org.rows.tables import Snapshot
from sandbox.org.soql.language.errors import unknown_child_relationship
from sandbox.org.soql.language.syntax import Query
from sandbox.org.soql.schema import Binder

#: The type of a column that reads the answer of a child query.
CHILD_TYPE = "child"


@dataclass(frozen=True, slots=True)
class ChildRelationship:
    """`Contacts` of Account: the records of Contact that refer to it by AccountId."""

    name: str
    object_name: str
    field_name: str


def child_relationship(binder: Binder, child: Query) -> ChildRelationship:
    """The relationship that FROM names.

    Raises:
        SoqlError: INVALID_TYPE for a name that the object has no children under.
    """
    prefixes = {binder.object_type.name.lower(), (binder.query.alias or "").lower()}
    parts = child.object_name.split(".")
    name = parts[-1] if len(parts) == 2 and parts[0].lower() in prefixes else child.object_name
    for object_type in binder.source.objects().values():
        for field in object_type.references:
            matches = field.child_relationship is not None and field.child_relationship.lower() == name.lower()
            if matches and binder.object_type.name in field.reference_to:
                return ChildRelationship(str(field.child_relationship), object_type.name, field.name)
    raise unknown_child_relationship(child.text, child.object_offset, name)


def child_rows(rows: Snapshot, relationship: ChildRelationship) -> dict[str, Snapshot]:
    """The children by the id of their parent."""
    return rows.grouped(lambda row: str(row.get(relationship.field_name)))
