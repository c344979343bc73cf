"""Custom fields from the metadata that the Tooling API takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sandbox.org.objects import Catalogue, FieldType, ObjectType

_Json = dict[str, object]
# Metadata API, FieldType -> describe type.
_TYPES = {
    "Text": "string", "TextArea": "textarea", "LongTextArea": "textarea", "Number": "double", "Currency": "currency",
    "Percent": "percent", "Checkbox": "boolean", "Date": "date", "DateTime": "datetime", "Email": "email",
    "Phone": "phone", "Url": "url", "Picklist": "picklist", "MultiselectPicklist": "multipicklist",
    "Lookup": "reference",
}  # fmt: skip
_LENGTHS = {"TextArea": 255, "Email": 80, "Phone": 40, "Url": 255, "Picklist": 255, "Lookup": 18}
# Metadata API: what the length must be given for, up to which.
_MAX_LENGTHS = {"Text": 255, "LongTextArea": 131_072, "MultiselectPicklist": 4_099}


class InvalidFieldError(ValueError):
    """The metadata makes no field; carries the error code of the answer."""

    def __init__(self, message: str, code: str = "FIELD_INTEGRITY_EXCEPTION") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field, and the object that it is to be part of."""

    object_type: ObjectType
    field: FieldType

    @classmethod
    def of(cls, catalogue: Catalogue, full_name: object, metadata: object) -> CustomField:
        """From ``{"FullName": "Contact.X__c", "Metadata": {...}}``. Raises InvalidFieldError."""
        object_name, _, name = str(full_name).partition(".")
        object_type = catalogue.find(object_name)
        if object_type is None or not isinstance(metadata, dict):
            raise InvalidFieldError(f"Entity Enumeration Or ID: bad value for restricted picklist field: {object_name}")
        if not name.endswith("__c") or not name.removesuffix("__c").isidentifier():
            raise InvalidFieldError(f"The Custom Field API Name you provided {name} is invalid")
        if object_type.find(name) is not None:
            message = f"There is already a field named {name.removesuffix('__c')} on {object_type.name}."
            raise InvalidFieldError(message, "DUPLICATE_DEVELOPER_NAME")
        return cls(object_type, _field(object_type, name, metadata))

    def extended(self) -> ObjectType:
        """The object with the field at its end."""
        return replace(self.object_type, fields=(*self.object_type.fields, self.field))


def _field(object_type: ObjectType, name: str, metadata: _Json) -> FieldType:
    kind = str(metadata.get("type"))
    if kind not in _TYPES:
        raise InvalidFieldError(f"Field Type: bad value for restricted picklist field: {kind}")
    numeric = kind in {"Number", "Currency", "Percent"}
    target = str(metadata.get("referenceTo") or "")
    if kind == "Lookup" and not target:
        raise InvalidFieldError("Related To: Required fields are missing: [referenceTo]")
    return FieldType(
        name=name,
        type=_TYPES[kind],
        label=str(metadata.get("label") or name.removesuffix("__c").replace("_", " ")),
        length=_length(kind, metadata),
        precision=_number(metadata, "precision", 18) if numeric else 0,
        scale=_number(metadata, "scale", 0) if numeric else 0,
        required=metadata.get("required") is True and kind != "Checkbox",
        filterable=kind != "LongTextArea",
        custom=True,
        default=str(metadata.get("defaultValue", "false")).lower() == "true" if kind == "Checkbox" else None,
        picklist=_values(metadata),
        reference_to=(target,) if target else (),
        relationship_name=name.removesuffix("c") + "r" if target else None,
        child_relationship=_child_name(metadata),
        external_id=metadata.get("externalId") is True,
        unique=metadata.get("unique") is True,
        in_events=True,
    )


def _length(kind: str, metadata: _Json) -> int:
    if kind not in _MAX_LENGTHS:
        return _LENGTHS.get(kind, 0)
    length = _number(metadata, "length", 255)
    if not 1 <= length <= _MAX_LENGTHS[kind]:
        raise InvalidFieldError(f"Length must be between 1 and {_MAX_LENGTHS[kind]}", "NUMBER_OUTSIDE_VALID_RANGE")
    return length


def _number(metadata: _Json, name: str, default: int) -> int:
    value = metadata.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**6:
        raise InvalidFieldError(f"{name} must be a whole number")
    return value


def _child_name(metadata: _Json) -> str | None:
    name = metadata.get("relationshipName")
    return f"{name}__r" if name else None


def _values(metadata: _Json) -> tuple[str, ...]:
    """``valueSet.valueSetDefinition.value[].fullName``."""
    found: object = metadata.get("valueSet")
    for key in ("valueSetDefinition", "value"):
        found = found.get(key) if isinstance(found, dict) else None
    values = found if isinstance(found, list) else []
    return tuple(str(one.get("fullName")) for one in values if isinstance(one, dict))
