"""Records by the value of a field that tells them apart."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.org.metadata.objects import NUMBER_TYPES, FieldType, ObjectType
from sandbox.org.rows.writes import Row, RowError
from sandbox.org.store.sharing import UserView
from sandbox.org.values.ids import MalformedIdError, to_18


class RowRefusedError(Exception):
    """The row cannot be written; carries the reason."""

    def __init__(self, status_code: str, message: str, *fields: str) -> None:
        super().__init__(message)
        self.error = RowError(status_code, message, fields)


def find_records(view: UserView, object_type: ObjectType, field: FieldType, value: str) -> list[Row]:
    """The live records with that value, in any letter case; `7` and `7.0` are the same number."""
    if field.type == "id":
        return _by_id(view, object_type, value)
    return view.rows_with(object_type.name, field.name, key_value(field, value))


def key_value(field: FieldType, text: str) -> object:
    """The value as rows hold it; of a number that is none the text, which no row holds."""
    if field.type not in NUMBER_TYPES - {"int"}:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def only_id(field: FieldType, records: Sequence[Row]) -> str:
    """The id of the one record that was found. Raises RowRefusedError when there are several."""
    if len(records) > 1:
        ids = ", ".join(str(row["Id"]) for row in records)
        message = f"{field.label}: more than one record found for external id field: [{ids}]"
        raise RowRefusedError("DUPLICATE_EXTERNAL_ID", message)
    return str(records[0]["Id"])


def parent_id(view: UserView, keys: Sequence[tuple[ObjectType, FieldType]], value: str) -> str:
    """The id of the one record that a key names, which may be of several types. Raises RowRefusedError."""
    usable = [(parent, field) for parent, field in keys if field.id_lookup]
    if not usable:
        parent, field = keys[0]
        rule = f"does not match an External ID, Salesforce Id, or indexed field for {parent.name}"
        raise RowRefusedError("INVALID_FIELD", f"Field name provided, {field.name} {rule}")
    parent, field = usable[0]
    found = [row for one, key in usable for row in find_records(view, one, key, value)]
    if not found:
        place = f"for field {field.name} in entity {parent.name}"
        raise RowRefusedError("INVALID_FIELD", f"Foreign key external ID: {value} not found {place}")
    return only_id(field, found)


def _by_id(view: UserView, object_type: ObjectType, record_id: str) -> list[Row]:
    try:
        row = view.get(object_type.name, to_18(record_id))
    except MalformedIdError:
        return []
    return [row] if row else []
