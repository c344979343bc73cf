"""What a row must satisfy before it is written, and Salesforce's words when it does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rows.writes import Row, RowError
from sandbox.org.values.ids import MalformedIdError, to_18
from sandbox.org.values.timestamps import normal_datetime

# Salesforce's own sample data has "expressl&t.net" as a domain, so the domain part is not strict.
_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@[^\s@,;:<>()\[\]\"\\]+\.[^\s@,;:<>()\[\]\"\\.]+")
# A date-time given for a date field counts by its date.
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:Z|T.+)?")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
CANNOT_WRITE = (
    "Unable to create/update fields: {0}. Please check the security settings of this field and verify that it is"
    " read/write for your profile or permission set."
)

#: Tells whether a record of one of the named types exists.
ReferenceCheck = Callable[[tuple[str, ...], str], bool]


class FieldError(Exception):
    """A value that the field refuses."""

    def __init__(self, status_code: str, message: str, *fields: str) -> None:
        super().__init__(message)
        self.error = RowError(status_code, message, fields)


def check_row(
    object_type: ObjectType,
    fields: dict[str, object],
    exists: ReferenceCheck,
    *,
    creating: bool,
    required: tuple[str, ...],
) -> tuple[Row, list[RowError]]:
    """The writable values by exact field name (None clears), and why the row must be refused."""
    clean: Row = {}
    errors: list[RowError] = []
    for name, value in fields.items():
        try:
            field = _writable(object_type, name, creating=creating)
            clean[field.name] = coerce(field, value, exists)
        except FieldError as refusal:
            errors.append(refusal.error)
    missing = _missing(object_type, clean, required, creating=creating)
    if missing and not errors:
        errors.append(
            RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
        )
    return clean, errors


def _writable(object_type: ObjectType, name: str, *, creating: bool) -> FieldType:
    field = object_type.find(name)
    if field is None:
        raise FieldError("INVALID_FIELD", f"No such column '{name}' on sobject of type {object_type.name}")
    if not (field.createable if creating else field.updateable):
        raise FieldError("INVALID_FIELD_FOR_INSERT_UPDATE", CANNOT_WRITE.format(field.name), field.name)
    return field


def required_fields(object_type: ObjectType, *, person: bool = False) -> tuple[str, ...]:
    """A person account has a last name instead of a name."""
    return ("LastName",) if person else object_type.required


def _missing(object_type: ObjectType, clean: Row, required: tuple[str, ...], *, creating: bool) -> tuple[str, ...]:
    if creating:
        return tuple(name for name in required if clean.get(name, object_type.defaults.get(name)) is None)
    return tuple(name for name in required if name in clean and clean[name] is None)


def coerce(field: FieldType, value: object, exists: ReferenceCheck) -> object:
    """The value in the form rows hold, from JSON or CSV; FieldError when the field refuses it."""
    if value is None or value == "":
        return False if field.type == "boolean" else None
    if isinstance(value, dict | list):
        raise _wrong_type(field, value)
    if field.type == "reference":
        return _reference(field, value, exists)
    return _COERCE.get(field.type, _text)(field, value)


def _wrong_type(field: FieldType, value: object) -> FieldError:
    message = f"{field.label}: value not of required type: {value}"
    return FieldError("INVALID_TYPE_ON_FIELD_IN_RECORD", message, field.name)


def _text(field: FieldType, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if len(text) > field.length:
        message = f"{field.label}: data value too large: {text} (max length={field.length})"
        raise FieldError("STRING_TOO_LONG", message, field.name)
    return text


def _email(field: FieldType, value: object) -> str | None:
    text = _text(field, str(value).strip())
    if text and not _EMAIL.fullmatch(text):
        raise FieldError("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", field.name)
    return text or None


def _picklist(field: FieldType, value: object) -> str:
    text = _text(field, value)
    if field.restricted_picklist and text not in field.picklist:
        message = f"{field.label}: bad value for restricted picklist field: {text}"
        raise FieldError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, field.name)
    return text


def _boolean(field: FieldType, value: object) -> bool:
    known = _BOOLEANS.get(str(value).strip().lower())
    if known is None:
        raise _wrong_type(field, value)
    return known


def _number(field: FieldType, value: object) -> float:
    if isinstance(value, bool):
        raise _wrong_type(field, value)
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise _wrong_type(field, value) from None
    if not number.is_finite() or abs(number) >= 10 ** (field.precision - field.scale):
        message = f"{field.label}: value outside of valid range on numeric field: {value}"
        raise FieldError("NUMBER_OUTSIDE_VALID_RANGE", message, field.name)
    return float(number.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP))


def _integer(field: FieldType, value: object) -> int:
    try:
        number = float(str(value))
    except ValueError:
        raise _wrong_type(field, value) from None
    if isinstance(value, bool) or not number.is_integer():
        raise _wrong_type(field, value)
    if abs(number) > 99_999_999:  # describe: digits 8
        message = f"{field.label}: value outside of valid range on numeric field: {value}"
        raise FieldError("NUMBER_OUTSIDE_VALID_RANGE", message, field.name)
    return int(number)


def _date(field: FieldType, value: object) -> str:
    found = _DATE.fullmatch(str(value))
    try:
        day = date.fromisoformat(found[1]) if found else None
    except ValueError:
        day = None
    if day is None or not _in_range(day.year):
        raise _wrong_type(field, value)
    return day.isoformat()


def _datetime(field: FieldType, value: object) -> str:
    try:
        moment = normal_datetime(str(value))
    except (ValueError, OverflowError):
        raise _wrong_type(field, value) from None
    if not _in_range(int(moment[:4])):
        raise _wrong_type(field, value)
    return moment


def _in_range(year: int) -> bool:
    """SOQL and SOSL Reference: dates lie between 1700-01-01 and 4000-12-31."""
    return 1700 <= year <= 4000


def _reference(field: FieldType, value: object, exists: ReferenceCheck) -> str:
    try:
        record_id = to_18(str(value))
    except MalformedIdError:
        message = f"{field.label}: id value of incorrect type: {value}"
        raise FieldError("MALFORMED_ID", message, field.name) from None
    if not exists(field.reference_to, record_id):
        raise FieldError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    return record_id


_COERCE: dict[str, Callable[[FieldType, object], object]] = {
    "email": _email,
    "picklist": _picklist,
    "boolean": _boolean,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "int": _integer,
    "date": _date,
    "datetime": _datetime,
}
