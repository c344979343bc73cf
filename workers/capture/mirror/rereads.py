"""Records read again by id: because an event did not tell how they changed, or because they may have been missed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from schemas.events import Change, Entity, Parked, Version
from schemas.topics import CHANGES
from workers.capture import metrics
from workers.capture.allowance import within_budget
from workers.capture.context import Context
from workers.capture.mirror.described import Described
from workers.core.capture.snapshot_rows import snapshot_changes
from workers.core.capture.snapshots import parts, selected
from workers.ports import SalesforceOrg

REREAD_RECORDS = 200
"""Ids in one query: about 5,000 characters of a SOQL text that travels in a URL."""

NO_VERSIONS: Mapping[str, Version] = MappingProxyType({})


@dataclass(slots=True)
class Reread:
    changes: list[Change] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    """Ids that Salesforce shows neither among the records nor in the recycle bin. No proof of a deletion: who has lost
    a permission sees the same."""

    @property
    def deleted(self) -> list[Change]:
        return [change for change in self.changes if change.kind == "delete"]


class Rereader:
    def __init__(self, team: str, org: SalesforceOrg, described: Described, context: Context) -> None:
        self._team = team
        self._org = org
        self._described = described
        self._context = context

    async def read(
        self, entity: Entity, record_ids: Iterable[str], at_least: Mapping[str, Version] = NO_VERSIONS
    ) -> Reread:
        """The records as they are now, deleted ones as deletions, at once. `at_least`: see `snapshot_changes`."""
        found = Reread()
        for ids in parts(list(dict.fromkeys(record_ids)), REREAD_RECORDS):
            if ids:
                await self._read(entity, ids, at_least, found)
        return found

    async def read_within_budget(self, entity: Entity, record_ids: Iterable[str]) -> Reread:
        """The same for background work, which leaves the org's requests to others."""
        found = Reread()
        for ids in parts(list(dict.fromkeys(record_ids)), REREAD_RECORDS):
            if ids:
                await within_budget(self._org, self._context.pace)
                await self._read(entity, ids, NO_VERSIONS, found)
        return found

    async def _read(self, entity: Entity, ids: Sequence[str], at_least: Mapping[str, Version], found: Reread) -> None:
        types = await self._described.types(entity)
        last_event = self._context.committer.position(self._team, entity).version
        rows = await self._org.records(entity, ids, selected(types))
        metrics.REREADS.inc(len(rows))
        now_ms, topic = self._context.clock.now_ms(), CHANGES[entity].name
        changes, parked = snapshot_changes(
            self._team,
            entity,
            rows,
            types,
            now_ms,
            topic,
            at_least=at_least,
            floor=last_event,
            used=self._described.used(entity),
        )
        seen = {str(row.get("Id")) for row in rows}
        found.changes += changes
        found.parked += parked
        found.vanished += [record_id for record_id in ids if record_id not in seen]
