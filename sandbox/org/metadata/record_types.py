"""Record types: which an object has, which one a new record gets, and whether it makes a person account."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rows.writes import Row

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
    """The record types of an org, as its RecordType records have them, and which are the defaults."""

    rows: Callable[[], Iterable[Row]] = tuple
    _defaults: dict[tuple[str, bool], str] = field(default_factory=dict)

    def add(self, row: Row, *, default: bool) -> None:
        """``row`` is a new RecordType record; the first one of an object is its default until another is."""
        key = (str(row["SobjectType"]), row.get("IsPersonType") is True)
        if default or key not in self._defaults:
            self._defaults[key] = str(row["Id"])

    def of(self, object_name: str) -> Iterable[Row]:
        return [row for row in self.rows() if row["SobjectType"] == object_name]

    def default(self, object_name: str, *, person: bool = False) -> str | None:
        return self._defaults.get((object_name, person))

    def is_default(self, row: Row) -> bool:
        """Of its object; person accounts have a default of their own, which describes do not mark."""
        return self.default(str(row["SobjectType"])) == row["Id"]

    def is_person(self, record_type_id: str) -> bool:
        return any(row["Id"] == record_type_id and row.get("IsPersonType") is True for row in self.rows())

    def fits(self, object_name: str, record_type_id: object) -> bool:
        """Whether records of the object may have it."""
        return any(row["Id"] == record_type_id and row.get("IsActive") is True for row in self.of(object_name))


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
