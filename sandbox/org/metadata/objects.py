"""Object and field metadata: what a field may hold, who may write it, and how compounds are put together."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

#: Describe types whose values are text.
TEXT_TYPES = frozenset({"string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "combobox"})
NUMBER_TYPES = frozenset({"double", "currency", "percent", "int"})
_ALWAYS_SET = frozenset({
    "OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldType:
    """One field of an object; attribute names follow the describe result."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    createable: bool = True
    updateable: bool = True
    filterable: bool = True
    custom: bool = False
    default: object = None
    picklist: tuple[str, ...] = ()
    # Values of the picklist that people read as something else, with their labels.
    picklist_labels: tuple[tuple[str, str], ...] = ()
    restricted_picklist: bool = False
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    # The other side of a reference: Contact.AccountId gives Account its "Contacts".
    child_relationship: str | None = None
    external_id: bool = False
    unique: bool = False
    # Compound this field is a part of, and its name inside: MailingStreet is ("MailingAddress", "Street").
    compound: str | None = None
    component: str | None = None
    # The text of a formula field, whose value is worked out whenever it is read, and how to read it from a row.
    formula: str = ""
    blanks_are_zero: bool = True
    # A roll-up summary: stored, and written by the org alone.
    summary: bool = False
    compute: Callable[[dict[str, object]], object] | None = field(default=None, compare=False, repr=False)
    # Change events leave out fields derived from other records and bookkeeping.
    in_events: bool = True

    def labels_of(self, value: str) -> str:
        """A picklist's value, or the several of a multi-select one, as people read them."""
        labels = dict(self.picklist_labels)
        return ";".join(labels.get(one, one) for one in value.split(";"))

    @property
    def aggregatable(self) -> bool:
        return self.filterable and self.type not in {"boolean", "address"}

    @property
    def groupable(self) -> bool:
        ungroupable = {"double", "currency", "percent", "datetime", "address"}
        return self.filterable and self.type not in ungroupable and not self.formula

    @property
    def sortable(self) -> bool:
        return self.filterable and self.type != "address"

    @property
    def nillable(self) -> bool:
        always_set = self.type in {"id", "boolean"} or self.name in _ALWAYS_SET
        return not (self.required or always_set)

    @property
    def permissionable(self) -> bool:
        """Whether field-level security can hide it; what every record must have is always seen."""
        if self.type == "boolean":
            return self.updateable
        settable = self.createable or self.type == "address" or bool(self.formula) or self.summary
        return self.nillable and self.type != "id" and settable

    @property
    def permission_name(self) -> str:
        """The field that field permissions name: the compound of an address part."""
        return self.compound if self.compound and self.compound != "Name" else self.name

    @property
    def id_lookup(self) -> bool:
        """Whether a record can be addressed by this field's value."""
        return self.external_id or self.type in {"id", "email"}

    @property
    def event_path(self) -> str:
        """The name in ``changedFields``: ``Name.FirstName``, ``MailingAddress.Street``, or the plain name."""
        return f"{self.compound}.{self.component}" if self.compound else self.name


@dataclass(frozen=True)
class ObjectType:
    """An sObject type. Names are matched without regard to case, as every Salesforce API does."""

    name: str
    label: str
    label_plural: str
    key_prefix: str
    fields: tuple[FieldType, ...]
    scopes: tuple[str, ...] = ("everything", "mine", "scopingRule")
    # Deleting a record of the named object deletes records of this one that refer to it: (object, field).
    cascade_from: tuple[tuple[str, str], ...] = ()
    createable: bool = True
    updateable: bool = True
    deletable: bool = True

    @cached_property
    def by_name(self) -> dict[str, FieldType]:
        return {one.name: one for one in self.fields}

    @cached_property
    def _by_lower_name(self) -> dict[str, FieldType]:
        return {one.name.lower(): one for one in self.fields}

    def find(self, name: str) -> FieldType | None:
        """The field of that name in any letter case."""
        return self.by_name.get(name) or self._by_lower_name.get(name.lower())

    @cached_property
    def defaults(self) -> dict[str, object]:
        """Values a record starts with: false for every checkbox, and the default picklist values."""
        return {one.name: one.default for one in self.fields if one.default is not None}

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.fields if one.required)

    @cached_property
    def permissionable(self) -> tuple[str, ...]:
        """What field permissions can be given for, in describe order."""
        names = (one.permission_name for one in self.fields if one.permissionable and one.compound != "Name")
        return tuple(dict.fromkeys(names))

    @cached_property
    def permission_paths(self) -> tuple[str, ...]:
        """The same as field permissions write them: ``Contact.Email``."""
        return tuple(f"{self.name}.{name}" for name in self.permissionable)

    @cached_property
    def references(self) -> tuple[FieldType, ...]:
        return tuple(one for one in self.fields if one.type == "reference")

    @cached_property
    def unique_fields(self) -> tuple[FieldType, ...]:
        return tuple(one for one in self.fields if one.unique)

    @cached_property
    def event_fields(self) -> tuple[FieldType, ...]:
        """Fields that change events may carry, components in place of their compounds."""
        return tuple(one for one in self.fields if one.in_events and one.type != "address" and one.name != "Id")

    @cached_property
    def computed_event_fields(self) -> tuple[FieldType, ...]:
        """Formula fields, in an org whose events tell them."""
        return tuple(one for one in self.event_fields if one.compute is not None)

    @cached_property
    def event_parts(self) -> tuple[tuple[str, str | None, str | None, bool], ...]:
        """Of each event field: its name, the compound and the component that it is, and whether it is a date-time."""
        return tuple((one.name, one.compound, one.component, one.type == "datetime") for one in self.event_fields)

    @cached_property
    def event_schema_id(self) -> str:
        """The id of the schema of its events: 22 characters that change when the fields do."""
        names = ",".join(one.name for one in self.event_fields)
        digest = hashlib.sha256(f"{self.name}:{names}".encode()).digest()
        return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")

    @cached_property
    def long_text_fields(self) -> tuple[FieldType, ...]:
        """Fields long enough for change events to carry a diff instead of the value."""
        return tuple(one for one in self.event_fields if one.type == "textarea" and one.length >= 1_000)

    @cached_property
    def has_person_name(self) -> bool:
        return any(one.compound == "Name" for one in self.fields)

    @cached_property
    def address_parts(self) -> dict[str, tuple[FieldType, ...]]:
        """Compound address field -> its components in describe order."""
        compounds = [one.name for one in self.fields if one.type == "address"]
        return {name: tuple(part for part in self.fields if part.compound == name) for name in compounds}


def record_name(row: dict[str, object]) -> object:
    """The ``Name`` of a person from its parts, or the one that any other record has."""
    return full_name(row) or row.get("Name")


def full_name(row: dict[str, object]) -> str | None:
    """The ``Name`` of a person: first and last name, without the salutation."""
    parts = [str(row[key]) for key in ("FirstName", "LastName") if row.get(key)]
    return " ".join(parts) or None


def address(object_type: ObjectType, compound: str, row: dict[str, object]) -> dict[str, object] | None:
    """An address as REST and queries return it: keys alphabetical, lower first letter; null when all parts are null."""
    parts = {
        part.component[0].lower() + part.component[1:]: row.get(part.name)
        for part in object_type.address_parts[compound]
        if part.component
    }
    if all(value is None for value in parts.values()):
        return None
    return dict(sorted(parts.items()))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The object types of an org, looked up in any letter case."""

    types: dict[str, ObjectType]
    #: Types as they were before `replace`, oldest first: events name their schemas for as long as they are retained.
    former: list[ObjectType] = field(default_factory=list)
    _by_lower_name: dict[str, ObjectType] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_lower_name", {name.lower(): one for name, one in self.types.items()})

    def replace(self, object_type: ObjectType) -> None:
        """Put a new version of a type in place of the old one, such as one with a further field."""
        self.former.append(self.types[object_type.name])
        self.types[object_type.name] = object_type
        self._by_lower_name[object_type.name.lower()] = object_type

    def find(self, name: str) -> ObjectType | None:
        return self.types.get(name) or self._by_lower_name.get(name.lower())
