"""The fields of people and accounts that mappings fill, and what may fill them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from math import isfinite
from typing import TypeAlias

from schemas.documents import TargetType
from schemas.events import Entity

Constant: TypeAlias = str | bool | int | float

RESERVED = frozenset({"id", "key", "team", "rev", "segments", "score", "last_engagement_date"})
"""What a person or account has beside its mapped fields."""

TARGET = re.compile(r"[a-z][a-z0-9_]{0,62}")

TEXTS = (
    *("string", "textarea", "encryptedstring", "phone", "url", "email", "time"),
    *("picklist", "multipicklist", "combobox", "id", "reference"),
)
HOLDS: dict[str, TargetType] = {
    **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(("int", "long", "double", "currency", "percent"), "number"),
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}
"""By Salesforce's field type (Object Reference, "Field Types"); one that is not here cannot be mapped."""


def subject_of(entity: Entity) -> frozenset[Entity]:
    """The entities that fill the same fields: contacts and leads are people."""
    return frozenset({"account"}) if entity == "account" else frozenset({"contact", "lead"})


def fault_of_target(name: str) -> str | None:
    """Why a target field cannot have this name."""
    if not TARGET.fullmatch(name):
        return "use up to 63 lower-case letters, digits and _, a letter first"
    if name in RESERVED:
        return "the name is reserved: choose another"
    return None


def fault_of_type(held: TargetType, wanted: TargetType) -> str | None:
    """Why a field that holds one type cannot fill a target of another. Everything can be written as text."""
    if wanted in ("text", held):
        return None
    if (held, wanted) == ("datetime", "date"):
        return "which day a moment falls on depends on the time zone"
    return f"{held} is not {wanted}"


def parse_constant(text: str, wanted: TargetType) -> Constant:
    """Raises ValueError, with what is expected."""
    match wanted:
        case "text":
            return text
        case "number":
            return _number(text)
        case "boolean":
            if text not in ("true", "false"):
                raise ValueError("give true or false")
            return text == "true"
        case "date":
            return _iso(text, date.fromisoformat, "give a date such as 2026-11-01")
        case "datetime":
            return _iso(text, datetime.fromisoformat, "give a moment such as 2026-11-01T00:00:00Z")


def _number(text: str) -> int | float:
    expected = "give a number such as 12.5"
    try:
        number = float(text)
    except ValueError:
        raise ValueError(expected) from None
    if not isfinite(number):
        raise ValueError(expected)
    return int(number) if number.is_integer() else number


def _iso(text: str, parse: Callable[[str], object], expected: str) -> str:
    try:
        parse(text)
    except ValueError:
        raise ValueError(expected) from None
    return text
