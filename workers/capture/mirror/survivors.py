"""Asks the org into which records deleted ones were merged; the answer is published as the deletion once more.

No event names the survivor of a merge. Crash-safe because a deletion stays unasked in the mirror until routing has
written the answer; while no call is left for it, what is deleted is just deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from schemas.documents import Record
from schemas.events import ENTITIES, Entity, Survivor
from workers.capture import metrics
from workers.capture.allowance import within_budget
from workers.capture.committer import Submission
from workers.capture.mirror.readings import REFUSED_CAP_SECONDS, REFUSED_FIRST_SECONDS, Readings
from workers.capture.pace import Backoff
from workers.core.capture.snapshots import parts
from workers.core.normalize import OBJECTS, long_id
from workers.core.survivors import MASTER, NOT_MERGED, with_survivor
from workers.ports import Refused, Unavailable

log = structlog.get_logger()

PAGE_RECORDS = 2_000

QUERY_IDS = 500
"""In one call: 10,500 of the 12,000 characters that a query by REST may have (`SalesforceOrg.query`)."""


class SurvivorAsker:
    def __init__(self, readings: Readings) -> None:
        self._team = readings.team
        self._org = readings.org
        self._context = readings.context

    async def run(self) -> None:
        """For ever."""
        pace = self._context.pace
        unavailable = Backoff(pace.backoff_base_seconds, pace.failed_query_cap_seconds)
        refused = Backoff(pace.scale * REFUSED_FIRST_SECONDS, pace.scale * REFUSED_CAP_SECONDS)
        while True:
            await self._context.bells.deletions.heard(self._team)
            try:
                await self._round()
            except Unavailable as error:
                log.warning("questions about deletions wait", team=self._team, reason=str(error))
                await unavailable.pause()
            except Refused as error:
                log.warning("questions about deletions refused", team=self._team, reason=str(error))
                await refused.pause()
            else:
                unavailable.reset()
                refused.reset()
            await asyncio.sleep(pace.survivors_seconds)

    async def _round(self) -> None:
        """Every deletion that is open, once. Raises Unavailable, and Refused once all entities were tried."""
        after, refused = "", dict[Entity, Refused]()
        while page := await self._context.store.record_queries.unasked(self._team, after, PAGE_RECORDS):
            after = page[-1].record_id
            for entity in ENTITIES:
                if entity not in refused:
                    try:
                        await self._ask_all(entity, [record for record in page if record.entity == entity])
                    except Refused as error:
                        refused[entity] = error
        for each in refused.values():
            raise each

    async def _ask_all(self, entity: Entity, deleted: Sequence[Record]) -> None:
        for some in parts(deleted, QUERY_IDS):
            if some:
                await self._ask(entity, some)

    async def _ask(self, entity: Entity, deleted: Sequence[Record]) -> None:
        """Of those that were purged meanwhile nobody can tell any more: they count as not merged."""
        await within_budget(self._org, self._context.pace)
        ids = ",".join(f"'{record.record_id}'" for record in deleted)
        rows = await self._org.query(
            f"SELECT Id, {MASTER} FROM {OBJECTS[entity]} WHERE IsDeleted = true AND Id IN ({ids})",  # noqa: S608 - ids
            deleted=True,
        )
        survivors: dict[str, Survivor] = {
            long_id(str(row["Id"])): long_id(str(row[MASTER])) for row in rows if row.get(MASTER)
        }
        now_ms = self._context.clock.now_ms()
        changes = [with_survivor(each, survivors.get(each.record_id, NOT_MERGED), now_ms) for each in deleted]
        await self._context.committer.commit(Submission(self._team, changes=tuple(changes)))
        metrics.MERGES.inc(len(survivors))
