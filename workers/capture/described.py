"""What fields an org's entities have, asked again now and then."""

from __future__ import annotations

import asyncio

from schemas.events import Entity
from workers.core.snapshots import readable
from workers.ports import SalesforceOrg

FRESH_SECONDS = 3600.0
"""A field that is added to an entity is in the events of its next changes anyway."""


class Described:
    def __init__(self, org: SalesforceOrg) -> None:
        self._org = org
        self._known: dict[Entity, tuple[float, dict[str, str]]] = {}

    async def types(self, entity: Entity, max_age_seconds: float = FRESH_SECONDS) -> dict[str, str]:
        """Type by name of the fields that a query can read."""
        now = asyncio.get_running_loop().time()
        asked, types = self._known.get(entity, (float("-inf"), {}))
        if now - asked >= max_age_seconds:
            types = readable(entity, await self._org.fields(entity))
            self._known[entity] = (now, types)
        return types
