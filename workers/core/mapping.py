"""Which fields of a record reach the person or account: only mapped ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from schemas.documents import FieldMapping, Skip
from schemas.events import Entity
from workers.core.identity import account_key, person_key

DEFAULT_MAPPINGS: dict[Entity, tuple[FieldMapping, ...]] = {
    "contact": (FieldMapping(source="Email", target="email"),),
    "lead": (FieldMapping(source="Email", target="email"),),
    "account": (FieldMapping(source="Website", target="domain"),),
}
"""Always there: they carry the identity, so no mapping of the team replaces or removes them."""

NORMALIZE: dict[Entity, Callable[[object], str | Skip]] = {
    "contact": person_key,
    "lead": person_key,
    "account": account_key,
}


def map_fields(entity: Entity, fields: Mapping[str, object], mappings: Iterable[FieldMapping]) -> dict[str, Any]:
    """The mapped fields that are not empty; e-mail and domain in their normal form."""
    mapped = {
        mapping.target: value
        for mapping in mappings
        if (value := fields.get(mapping.source)) is not None and value != ""
    }
    for default in DEFAULT_MAPPINGS[entity]:
        identity = NORMALIZE[entity](fields.get(default.source))
        mapped.pop(default.target, None)
        if isinstance(identity, str):
            mapped[default.target] = identity
    return mapped
