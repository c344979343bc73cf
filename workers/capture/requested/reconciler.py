"""Compares a sample of the mirror with the org, and reads again what turns out to have been missed."""

from __future__ import annotations

from workers.capture.committer import Move, Submission
from workers.capture.jobfile import JobFile
from workers.capture.mirror.readings import Readings
from workers.core.capture.positions import OVERLAP_MS
from workers.core.capture.reconciling import EVERY_MS, SAMPLE_RECORDS, after_all_known, missed_fields
from workers.core.normalize import OBJECTS


class Reconciler:
    def __init__(self, readings: Readings, file: JobFile) -> None:
        self._readings = readings
        self._file = file
        self._team = readings.team
        self._context = readings.context

    async def run(self) -> None:
        """Raises Unavailable and Refused."""
        entity, queries = self._file.request.entity, self._context.store.record_queries
        sample = {record.record_id: record for record in await queries.sample(self._team, entity, SAMPLE_RECORDS)}
        found = await self._readings.rereader.read_within_budget(entity, sample)
        now_ms = self._context.clock.now_ms()
        stamped = self._readings.described.stamped(entity)
        missed = {
            change.record_id: missed_fields(sample[change.record_id], change, now_ms, stamped)
            for change in found.changes
        }
        behind = [change for change in found.changes if missed[change.record_id]]
        differing = tuple(after_all_known(sample[change.record_id], change) for change in behind)
        since_ms = min((change.version.commit_time_ms - OVERLAP_MS for change in behind), default=now_ms)
        moves = (Move(entity, due_since_ms=min(since_ms, now_ms - EVERY_MS)),) if behind else ()
        await self._context.committer.commit(Submission(self._team, differing, moves))
        self._readings.begin([entity])
        await self._file.write(
            state="done",
            done=len(sample),
            total=len(sample),
            detail="changes were missed: what changed since then, or in the last week, is read again"
            if behind
            else None,
            report={
                "compared": len(sample),
                "differing": len(behind),
                "fields": sum(map(len, missed.values())),
                "vanished": len(found.vanished),
                "in_org": await self._readings.org.count(f"SELECT count() FROM {OBJECTS[entity]}"),  # noqa: S608
                "in_mirror": (await queries.count(self._team)).get(entity, 0),
            },
        )
