"""Which fields of a record reach the person or account: only mapped ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from schemas.documents import FieldMapping, Preference, Skip, TargetType
from schemas.events import Entity
from workers.core.identity import account_key, person_key

IDENTITY: dict[Entity, tuple[str, str]] = {
    "contact": ("Email", "email"),
    "lead": ("Email", "email"),
    "account": ("Website", "domain"),
}
"""Source and target of what tells people and accounts apart."""

DEFAULT_MAPPINGS: dict[Entity, FieldMapping] = {
    entity: FieldMapping(source=source, target=target) for entity, (source, target) in IDENTITY.items()
}
"""Always there: they carry the identity, so no mapping of the team replaces or removes them."""

NEVER_MS = 2**53
"""Later than any moment that a datetime can hold."""

NORMALIZE: dict[Entity, Callable[[object], str | Skip]] = {
    "contact": person_key,
    "lead": person_key,
    "account": account_key,
}


def map_fields(entity: Entity, fields: Mapping[str, object], mappings: Iterable[FieldMapping]) -> dict[str, Any]:
    """The mapped fields that are not empty; e-mail and domain in their normal form."""
    mapped = {mapping.target: value for mapping in mappings if (value := value_of(mapping, fields)) is not None}
    source, target = IDENTITY[entity]
    mapped.pop(target, None)
    identity = NORMALIZE[entity](fields.get(source))
    if isinstance(identity, str):
        mapped[target] = identity
    return mapped


def value_of(mapping: FieldMapping, fields: Mapping[str, object]) -> object | None:
    """The first source that is not empty, as the target's type; None: nothing fills the field."""
    for source in mapping.sources:
        value = fields.get(source)
        if value is not None and value != "" and (fitted := fit(value, mapping.type)) is not None:
            return fitted
    return mapping.constant


def fit(value: object, wanted: TargetType | None) -> object | None:
    """The value as text if text is wanted; None when it is of another type, since the field was changed in Salesforce
    after it was mapped."""
    match wanted:
        case None:
            return value
        case "text":
            return value if isinstance(value, str) else as_text(value)
        case "number":
            return value if isinstance(value, int | float) and not isinstance(value, bool) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "date" | "datetime":
            return value if isinstance(value, str) else None


def as_text(value: object) -> str:
    """As people write it: 5 for 5.0, `true` for a checked box."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def precedences(entity: Entity, fields: Mapping[str, object], mappings: Iterable[FieldMapping]) -> dict[str, int]:
    """By target, of those where it is not just the record changed last that wins."""
    return {
        mapping.target: rank
        for mapping in mappings
        if mapping.prefer != "most_recent" and (rank := _precedence(mapping.prefer, entity, fields))
    }


def _precedence(prefer: Preference, entity: Entity, fields: Mapping[str, object]) -> int:
    if prefer == "contact_over_lead":
        return int(entity == "contact")
    return -_created_ms(fields) if prefer == "keep_first" else 0


def _created_ms(fields: Mapping[str, object]) -> int:
    """Of a record without a usable CreatedDate: later than any."""
    try:
        created = datetime.fromisoformat(str(fields.get("CreatedDate")))
    except ValueError:
        return NEVER_MS
    return round((created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp() * 1000)
