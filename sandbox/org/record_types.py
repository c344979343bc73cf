"""Record types: which an object has, which one a new record gets, and whether it makes a person account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sandbox.org.objects import FieldType, ObjectType
from sandbox.org.writes import Row

FIELD = "RecordTypeId"
#: The record type of everything that has none of its own.
MASTER_ID = "012000000000000AAA"


@dataclass(frozen=True, slots=True)
class RecordTypeSpec:
    """A record type as an administrator sets it up; the first one of an object is its default."""

    object_name: str
    developer_name: str
    name: str = ""
    default: bool = False
    active: bool = True
    # Of accounts only, in an org with person accounts.
    person: bool = False


@dataclass(slots=True)
class RecordTypes:
    """The record types of an org, by id and by object."""

    _rows: dict[str, Row] = field(default_factory=dict)
    _defaults: dict[tuple[str, bool], str] = field(default_factory=dict)

    def add(self, row: Row, *, default: bool) -> None:
        """``row`` is the RecordType record."""
        self._rows[str(row["Id"])] = row
        key = (str(row["SobjectType"]), row.get("IsPersonType") is True)
        if default or key not in self._defaults:
            self._defaults[key] = str(row["Id"])

    def of(self, object_name: str) -> Iterable[Row]:
        return [row for row in self._rows.values() if row["SobjectType"] == object_name]

    def default(self, object_name: str, *, person: bool = False) -> str | None:
        return self._defaults.get((object_name, person))

    def is_default(self, record_type_id: str) -> bool:
        """Of its object; person accounts have a default of their own, which describes do not mark."""
        row = self._rows[record_type_id]
        return self._defaults.get((str(row["SobjectType"]), False)) == record_type_id

    def is_person(self, record_type_id: object) -> bool:
        return self._rows.get(str(record_type_id), {}).get("IsPersonType") is True

    def fits(self, object_name: str, record_type_id: object) -> bool:
        """Whether records of the object may have it."""
        row = self._rows.get(str(record_type_id))
        return row is not None and row["SobjectType"] == object_name and row.get("IsActive") is True


def with_record_types(object_type: ObjectType) -> ObjectType:
    """The object with the field that an org with record types of it has."""
    if object_type.find(FIELD) is not None:
        return object_type
    link = FieldType(
        FIELD,
        "reference",
        "Record Type ID",
        length=18,
        reference_to=("RecordType",),
        relationship_name="RecordType",
    )
    return replace(object_type, fields=(*object_type.fields, link))
