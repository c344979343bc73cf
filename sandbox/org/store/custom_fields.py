"""Custom fields from the metadata that the Tooling API takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sandbox.org.automation.rollups import Operation, RollUp
from sandbox.org.formulas.compiler import Formula, compile_formula
from sandbox.org.formulas.syntax import FormulaError
from sandbox.org.metadata.objects import Catalogue, FieldType, ObjectType

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

_FORMULA_TYPES = frozenset({"string", "double", "currency", "percent", "boolean", "date", "datetime"})
_OPERATIONS: dict[str, Operation] = {"count": "count", "sum": "sum", "min": "min", "max": "max"}
_SUMMED = ("double", "currency", "percent", "int")
# Metadata API, FilterOperation -> formula.
_FILTERS = {
    "equals": "{field} = {value}",
    "notEqual": "{field} <> {value}",
    "lessThan": "{field} < {value}",
    "greaterThan": "{field} > {value}",
    "lessOrEqual": "{field} <= {value}",
    "greaterOrEqual": "{field} >= {value}",
    "contains": "CONTAINS({field}, {value})",
    "notContain": "NOT(CONTAINS({field}, {value}))",
    "startsWith": "BEGINS({field}, {value})",
}


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
    roll_up: RollUp | None = None

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
        if metadata.get("type") == "Summary":
            return cls(object_type, *_summary(catalogue, object_type, name, metadata))
        if metadata.get("formula"):
            return cls(object_type, _formula(catalogue, object_type, name, metadata))
        return cls(object_type, _field(object_type, name, metadata))

    def extended(self) -> ObjectType:
        """The object with the field at its end."""
        return replace(self.object_type, fields=(*self.object_type.fields, self.field))


def converted(field: FieldType, object_type: ObjectType, metadata: _Json) -> FieldType:
    """The field with the type of the metadata. Raises InvalidFieldError."""
    return _field(object_type, field.name, {"label": field.label, **metadata})


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
        picklist_labels=_labels(metadata),
        reference_to=(target,) if target else (),
        relationship_name=name.removesuffix("c") + "r" if target else None,
        child_relationship=_child_name(metadata),
        external_id=metadata.get("externalId") is True,
        unique=metadata.get("unique") is True,
        in_events=True,
    )


def _formula(catalogue: Catalogue, object_type: ObjectType, name: str, metadata: _Json) -> FieldType:
    """A field whose value is worked out when it is read."""
    text, blanks = str(metadata["formula"]), metadata.get("formulaTreatBlanksAs", "BlankAsZero") == "BlankAsZero"
    plain = replace(_field(object_type, name, metadata), createable=False, updateable=False, required=False)
    if plain.type not in _FORMULA_TYPES:
        raise InvalidFieldError(f"Field Type: bad value for restricted picklist field: {metadata.get('type')}")
    try:
        compile_formula(text, object_type, catalogue.types, blanks_are_zero=blanks)
    except FormulaError as error:
        raise InvalidFieldError(f"Error: {error}") from error
    # Describe: texts of formulas are 1,300 long.
    length = 1_300 if plain.type == "string" else 0
    return replace(plain, formula=text, blanks_are_zero=blanks, length=length, default=None, in_events=False)


def _summary(catalogue: Catalogue, object_type: ObjectType, name: str, metadata: _Json) -> tuple[FieldType, RollUp]:
    """A roll-up summary over the details of the object."""
    child_name, _, lookup = str(metadata.get("summaryForeignKey")).partition(".")
    child = catalogue.find(child_name)
    link = child.find(lookup) if child else None
    if child is None or link is None or object_type.name not in link.reference_to:
        raise InvalidFieldError("Invalid summary foreign key: it must name the lookup of a child object")
    operation = str(metadata.get("summaryOperation")).lower()
    summarized = child.find(str(metadata.get("summarizedField") or "").partition(".")[2])
    if operation not in _OPERATIONS or (summarized is None) != (operation == "count"):
        raise InvalidFieldError("Summary operation and summarized field do not go together")
    allowed = _SUMMED if operation == "sum" else (*_SUMMED, "date", "datetime")
    if summarized is not None and summarized.type not in allowed:
        raise InvalidFieldError(f"{summarized.name} cannot be summarized")
    condition = _summary_condition(catalogue, child, metadata.get("summaryFilterItems"))
    roll_up = RollUp(
        object_type.name,
        name,
        child.name,
        link.name,
        _OPERATIONS[operation],
        summarized.name if summarized else "",
        condition,
    )
    field = FieldType(
        name,
        summarized.type if summarized else "double",
        str(metadata.get("label") or name.removesuffix("__c")),
        precision=18 if summarized is None or summarized.precision else 0,
        scale=summarized.scale if summarized else 0,
        createable=False,
        updateable=False,
        custom=True,
        summary=True,
    )
    return field, roll_up


def _summary_condition(catalogue: Catalogue, child: ObjectType, items: object) -> Formula | None:
    """``[{"field": "Opportunity.StageName", "operation": "equals", "value": "A,B"}]``, all at once."""
    given = items if isinstance(items, list) else []
    parts = [_filter_item(child, one) for one in given if isinstance(one, dict)]
    try:
        return compile_formula(" && ".join(parts), child, catalogue.types, blanks_are_zero=False) if parts else None
    except FormulaError as error:
        raise InvalidFieldError(f"Error: {error}") from error


def _filter_item(child: ObjectType, item: _Json) -> str:
    field = child.find(str(item.get("field")).rpartition(".")[2])
    form = _FILTERS.get(str(item.get("operation")))
    if field is None or form is None:
        raise InvalidFieldError("Invalid summary filter")
    values = str(item.get("value", "")).split(",")
    tests = (form.format(field=field.name, value=_filter_value(field, value.strip())) for value in values)
    joined = (" && " if str(item.get("operation")).startswith("not") else " || ").join(tests)
    return f"({joined})"


def _filter_value(field: FieldType, value: str) -> str:
    if field.type == "boolean":
        return str(value in {"1", "True", "true"}).upper()
    if field.type in _SUMMED:
        return value or "NULL"
    if field.type == "date":
        return f'DATEVALUE("{value}")'
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


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
    return tuple(str(one.get("fullName")) for one in _choices(metadata))


def _labels(metadata: _Json) -> tuple[tuple[str, str], ...]:
    """Of the values that have a label of their own."""
    named = ((str(one.get("fullName")), str(one.get("label") or one.get("fullName"))) for one in _choices(metadata))
    return tuple((value, label) for value, label in named if value != label)


def _choices(metadata: _Json) -> list[_Json]:
    found: object = metadata.get("valueSet")
    for key in ("valueSetDefinition", "value"):
        found = found.get(key) if isinstance(found, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
