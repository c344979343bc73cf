"""What fields an org's entities have, and which of them are used, asked again now and then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from schemas.events import Entity
from workers.core.capture.snapshots import readable, stamped
from workers.core.normalize import NEVER_IN_EVENTS
from workers.core.preflight import READ_BY_DEFAULT
from workers.ports import SalesforceOrg, Store
from workers.runtime.edits import rule_set_of
from workers.runtime.preflight import needed_fields

FRESH_SECONDS = 3600.0
"""A field that is added to an entity is in the events of its next changes anyway."""


@dataclass(frozen=True, slots=True)
class Known:
    asked: float = float("-inf")
    types: dict[str, str] = field(default_factory=dict)
    used: frozenset[str] = frozenset()
    stamped: frozenset[str] = frozenset()


class Described:
    def __init__(self, team: str, org: SalesforceOrg, store: Store) -> None:
        self._team = team
        self._org = org
        self._store = store
        self._known: dict[Entity, Known] = {}

    async def types(self, entity: Entity, max_age_seconds: float = FRESH_SECONDS) -> dict[str, str]:
        """Type by name of the fields that a query can read."""
        now = asyncio.get_running_loop().time()
        known = self._known.get(entity, Known())
        if now - known.asked >= max_age_seconds:
            fields = await self._org.fields(entity)
            types = readable(entity, fields)
            used = needed_fields(await rule_set_of(self._store, self._team), entity) | READ_BY_DEFAULT[entity]
            known = self._known[entity] = Known(now, types, used - NEVER_IN_EVENTS, stamped(fields) & types.keys())
        return known.types

    def used(self, entity: Entity) -> frozenset[str]:
        """Fields that lists and mappings read, be they readable or not, as of the last `types`."""
        return self._known.get(entity, Known()).used

    def stamped(self, entity: Entity) -> frozenset[str]:
        """Readable fields that only change with a new stamp of their record, as of the last `types`."""
        return self._known.get(entity, Known()).stamped
