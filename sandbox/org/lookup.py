"""Records by the value of a field that tells them apart."""

from __future__ import annotations

from sandbox.org.ids import MalformedIdError, to_18
from sandbox.org.objects import FieldType, ObjectType
from sandbox.org.sharing import UserView
from sandbox.org.writes import Row


def find_records(view: UserView, object_type: ObjectType, field: FieldType, value: str) -> list[Row]:
    """The live records with that value, in any letter case."""
    if field.type == "id":
        return _by_id(view, object_type, value)
    if field.unique:
        holder = view.unique.holder(object_type, field, value)
        row = view.get(object_type.name, holder) if holder else None
        return [row] if row else []
    return view.rows_with(object_type.name, field.name, value)


def _by_id(view: UserView, object_type: ObjectType, record_id: str) -> list[Row]:
    try:
        row = view.get(object_type.name, to_18(record_id))
    except MalformedIdError:
        return []
    return [row] if row else []
