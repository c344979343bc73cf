"""Whether an org can take the insights of an entity."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.documents import InsightFields
from schemas.events import Entity
from workers.core.normalize import OBJECTS

SCORE_TYPES = frozenset({"double", "currency", "percent", "int"})
DATE_TYPES = frozenset({"date"})


def unfit(entity: Entity, fields: InsightFields, found: Mapping[str, tuple[str, bool]]) -> list[str]:
    """What keeps an entity's insights from being written, as sentences; `found`: type and updateable by field name."""
    name = OBJECTS[entity]
    problems = []
    for field, types in ((fields.score, SCORE_TYPES), (fields.date, DATE_TYPES)):
        if field not in found:
            problems.append(f"{name} has no field {field} that the connected user can see")
        elif found[field][0] not in types:
            problems.append(f"{name}.{field} is of type {found[field][0]}, not {' or '.join(sorted(types))}")
        elif not found[field][1]:
            problems.append(f"the connected user may not write {name}.{field}")
    return problems
