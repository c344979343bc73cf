"""Finds mirrored records that are no longer in the org, has their deletion confirmed, and publishes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from schemas.events import Change, Entity
from workers.capture.committer import PART_ROWS, Submission
from workers.capture.jobfile import JobFile
from workers.capture.mirror.queries import all_ids
from workers.capture.mirror.readings import Readings
from workers.capture.mirror.rereads import Reread
from workers.core.capture.snapshots import parts
from workers.core.capture.sweeping import Ids, deletions, judge

MIRROR_IDS = 5_000
"""In one page: some 100 KB."""

LOOKED_AT = 2_000
"""Of the missing records, while it is open whether they may be deleted: ten calls."""


class Sweeper:
    """Works on the state of the moment, so that it may be repeated from the start at any time."""

    def __init__(self, readings: Readings, file: JobFile) -> None:
        self._readings = readings
        self._file = file
        self._entity: Entity = file.request.entity
        self._team = readings.team
        self._context = readings.context

    async def run(self) -> None:
        """Raises Unavailable and Refused."""
        began_ms = self._context.clock.now_ms()
        org, pace = self._readings.org, self._context.pace
        # By a job of its own: it is small, and may be repeated after a crash, whatever order the reading came in.
        present = Ids()
        async for record_id in all_ids(org, self._entity, pace):
            present.add(record_id)
        missing: list[str] = []
        mirrored = 0
        async for page in self._mirrored():
            mirrored += len(page)
            missing += [record_id for record_id in page if record_id not in present]
            await self._file.write(state="running", done=mirrored)
        await self._decide(missing, mirrored, began_ms)

    async def _decide(self, missing: Sequence[str], mirrored: int, began_ms: int) -> None:
        confirmed = self._file.request.confirmed
        looked_at = missing if confirmed else missing[:LOOKED_AT]
        found = await self._readings.rereader.read_within_budget(self._entity, looked_at)
        verdict = judge(self._entity, mirrored, len(missing), len(found.vanished), confirmed=confirmed)
        gone = self._gone(found, began_ms) if verdict.deletes else []
        for part in parts(gone, PART_ROWS):
            await self._context.committer.commit(Submission(self._team, tuple(part)))
        report = {
            "mirrored": mirrored,
            "missing": len(missing),
            "deleted": len(gone),
            "in_recycle_bin": len(found.deleted),
            "vanished": len(found.vanished),
        }
        state = "needs_confirmation" if verdict.asks else "done"
        await self._file.write(state=state, detail=verdict.asks, done=mirrored, total=mirrored, report=report)

    def _gone(self, found: Reread, began_ms: int) -> list[Change]:
        if not self._file.request.confirmed:
            return found.deleted
        now_ms = self._context.clock.now_ms()
        return [*found.deleted, *deletions(self._team, self._entity, found.vanished, began_ms, now_ms)]

    async def _mirrored(self) -> AsyncIterator[list[str]]:
        queries, after = self._context.store.record_queries, ""
        while page := await queries.living_ids(self._team, self._entity, after, MIRROR_IDS):
            yield page
            after = page[-1]
