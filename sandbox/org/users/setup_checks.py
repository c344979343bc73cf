"""What a new value must satisfy beyond its field: owners who are active, permissions that make sense together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from sandbox.org.metadata.objects import ObjectType
from sandbox.org.rows.writes import Row, RowError

# Object Reference, ObjectPermissions: what each right needs.
_NEEDED = {
    "Create": ("Read",),
    "Edit": ("Read",),
    "Delete": ("Read", "Edit"),
    "ViewAllRecords": ("Read",),
    "ModifyAllRecords": ("Read", "Edit", "Delete", "ViewAllRecords"),
}
# Pairs of fields that only one record may have together.
_TOGETHER = {
    "FieldPermissions": ("ParentId", "Field"),
    "ObjectPermissions": ("ParentId", "SobjectType"),
    "PermissionSetAssignment": ("AssigneeId", "PermissionSetId"),
}
DUPLICATE_USERNAME = RowError(
    "DUPLICATE_USERNAME",
    "Duplicate Username.<br>The username already exists in this or another Salesforce organization. Usernames must be "
    "unique across all Salesforce organizations. To resolve, use a different username (it doesn't need to match the "
    "user's email address). ",
    ("Username",),
)


class Records(Protocol):
    """The org, as far as the checks look at it."""

    def get(self, object_name: str, record_id: str) -> Row | None: ...
    def rows_with(self, object_name: str, field_name: str, value: object) -> Iterable[Row]: ...
    def find_object(self, name: str) -> ObjectType | None: ...


def value_errors(records: Records, object_name: str, given: Row, before: Row) -> list[RowError]:
    """Why these values of a record cannot be saved; `before` is the record as it is, empty for a creation."""
    row = before | given
    errors = _inactive_owner(records, object_name, given)
    check = _CHECKS.get(object_name)
    if check is not None:
        errors += check(records, row)
    if object_name in _TOGETHER and not before:
        errors += _twice(records, object_name, row)
    return errors


def _inactive_owner(records: Records, object_name: str, given: Row) -> list[RowError]:
    owner_id = given.get("OwnerId")
    owner = records.get("User", str(owner_id)) if owner_id else None
    if owner is None or owner.get("IsActive"):
        return []
    message = f"operation performed with inactive user [{owner_id}] as owner of {object_name.lower()}"
    return [RowError("INACTIVE_OWNER_OR_USER", message)]


def _object_permissions(_records: Records, row: Row) -> list[RowError]:
    name = row.get("SobjectType")
    return [
        RowError("FIELD_INTEGRITY_EXCEPTION", f"Permission {right} {name} depends on permission(s): {needed} {name}")
        for right, needs in _NEEDED.items()
        if row.get(f"Permissions{right}")
        for needed in needs
        if not row.get(f"Permissions{needed}")
    ][:1]


def _field_permissions(records: Records, row: Row) -> list[RowError]:
    object_type = records.find_object(str(row.get("SobjectType")))
    path = str(row.get("Field"))
    if object_type is None or path not in object_type.permission_paths:
        message = f"Field Name: bad value for restricted picklist field: {path}"
        return [RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ("Field",))]
    return []


def _twice(records: Records, object_name: str, row: Row) -> list[RowError]:
    first, second = _TOGETHER[object_name]
    same = (one for one in records.rows_with(object_name, first, row.get(first)) if one.get(second) == row.get(second))
    if next(iter(same), None) is None:
        return []
    if object_name == "PermissionSetAssignment":
        message = f"Duplicate PermissionSetAssignment. Assignee: {row[first]}; Permission Set: {row[second]}"
    else:
        message = "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
    return [RowError("DUPLICATE_VALUE", message)]


_CHECKS: Mapping[str, Callable[[Records, Row], list[RowError]]] = {
    "FieldPermissions": _field_permissions,
    "ObjectPermissions": _object_permissions,
}
