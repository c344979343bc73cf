"""Routing beside the write-back, over one org: what we write comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from schemas.documents import Destination, FieldMapping, ListDefinition, Rule, RuleSet
from schemas.events import ENTITIES, Change, Entity, Version
from workers.adapters.memory.publisher import MemoryPublisher
from workers.capture.stream.digest import digest
from workers.ports import StreamBatch
from workers.runtime.apply import Applied, Applier
from workers.runtime.usage import flush

from .org_rig import OBJECT, TEAM, OrgRig

LISTS: dict[str, ListDefinition] = {
    "hot": ListDefinition(
        list_id="hot",
        entity="contact",
        label="Hot",
        scope="everything",
        where={"field": "Department", "operator": "equals", "values": ["'Hot'"]},
        fetched_at_ms=0,
    ),
    **{
        entity: ListDefinition(
            list_id=entity, entity=entity, label="All", scope="everything", where={}, query="", fetched_at_ms=0
        )
        for entity in ENTITIES
    },
}
RULES = tuple(
    Rule(
        rule_id=list_id,
        entity=definition.entity,
        list_ids=(list_id,),
        destination=Destination(kind="segment", segment_id=list_id),
        created_at_ms=0,
    )
    for list_id, definition in LISTS.items()
)
MAPPINGS: dict[Entity, tuple[FieldMapping, ...]] = {
    "contact": (FieldMapping(source="Title", target="title"),),
    "lead": (FieldMapping(source="Title", target="title"),),
}


class Loop:
    """Routing beside the write-back: what the org streams is applied to the same store."""

    def __init__(self, rig: OrgRig) -> None:
        self.rig = rig
        self.publisher = MemoryPublisher()
        self._applier = Applier(rig.store, self.publisher, rig.clock)

    async def begin(self) -> None:
        rules = RuleSet(team=TEAM, version=1, rules=RULES, lists=LISTS, mappings=MAPPINGS)
        assert not await self.rig.store.rule_sets.swap([rules])
        await self._applier.apply([each for entity in ENTITIES for each in self._imported(entity)])
        await self._applier.apply(self.publisher.published_reevaluations)
        self.publisher.published_reevaluations.clear()

    def _imported(self, entity: Entity) -> list[Change]:
        return [
            Change(
                team=TEAM,
                entity=entity,
                record_id=str(row["Id"]),
                kind="snapshot",
                version=Version(1, 0, 0),
                fields={name: row.get(name) for name in ("Email", "Website", "AccountId", "Title", "Department")},
                captured_at_ms=1,
            )
            for row in self.rig.sandbox.org.rows(OBJECT[entity])
        ]

    async def score_everybody(self, score: float) -> None:
        for subject, members in (("person", self.rig.store.people), ("account", self.rig.store.accounts)):
            async for member in members.scan(TEAM):
                await self.rig.rescored(subject, member.key, score, 86_400_000)

    async def write_back_and_listen(self, changed: int) -> Applied:
        """A run of so many rows, and what routing makes of the events that it causes."""
        connection = (await self.rig.store.connections.load([(TEAM, TEAM)]))[TEAM, TEAM]
        batches = cast("AsyncGenerator[StreamBatch]", self.rig.orgs.stream(connection).events({}))
        applied = Applied()
        async with asyncio.timeout(30), aclosing(batches):
            await anext(batches)
            run = await self.rig.write_back()
            assert (run.planned, run.accepted) == (changed, changed)
            while applied.read < changed:
                told = digest(TEAM, (await anext(batches)).events)
                applied.add(await self._applier.apply(told.changes))
        await flush(self.rig.orgs.meters(), self.rig.store.api_usage)
        return applied

    async def counted(self) -> dict[str, int]:
        (day,) = [day async for day in self.rig.store.api_usage.scan(TEAM)]
        return day.calls

    async def members(self) -> dict[str, int]:
        """Revision of each person and account."""
        both = (self.rig.store.people, self.rig.store.accounts)
        return {member.key: member.rev for of in both async for member in of.scan(TEAM)}
