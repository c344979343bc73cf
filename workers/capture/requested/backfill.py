"""A reading that somebody asked for: some records, what changed since a moment, or all of an entity."""

from __future__ import annotations

import asyncio

from schemas.events import Snapshot
from workers.capture.committer import Move, Submission
from workers.capture.jobfile import JobFile
from workers.capture.mirror.readings import Readings
from workers.capture.mirror.rereads import REREAD_RECORDS
from workers.core.capture.positions import EVERYTHING_AGAIN
from workers.core.capture.snapshots import count_of, with_deleted


class Backfill:
    def __init__(self, readings: Readings, file: JobFile) -> None:
        self._readings = readings
        self._file = file
        self._request = file.request
        self._team = readings.team
        self._committer = readings.context.committer

    async def run(self) -> None:
        """Raises Unavailable and Refused; goes on where it was."""
        if self._request.dry_run:
            total = len(self._request.ids) or await self._count()
            await self._file.write(state="done", done=total, total=total, report={"records": total})
        elif self._request.ids:
            await self._read_records()
        else:
            await self._read_entity()

    async def _count(self) -> int:
        wanted = Snapshot(state="pending", since_ms=self._request.since_ms)
        return await self._readings.org.count(count_of(self._request.entity, wanted), deleted=with_deleted(wanted))

    async def _read_records(self) -> None:
        ids = self._request.ids
        report = dict(self._file.job.report)
        for start in range(self._file.job.done, len(ids), REREAD_RECORDS):
            some = ids[start : start + REREAD_RECORDS]
            found = await self._readings.rereader.read_within_budget(self._request.entity, some)
            changes = [each for each in found.changes if each.kind != "delete" or not self._request.living_only]
            await self._committer.commit(Submission(self._team, tuple(changes), (), tuple(found.parked)))
            for name, number in (("read", len(found.changes)), ("vanished", len(found.vanished))):
                report[name] = report.get(name, 0) + number
            await self._file.write(state="running", done=start + len(some), total=len(ids), report=report)
        await self._file.write(state="done")

    async def _read_entity(self) -> None:
        entity = self._request.entity
        if self._file.job.state == "pending":
            since_ms = self._request.since_ms
            move = Move(entity, snapshot=EVERYTHING_AGAIN) if since_ms is None else Move(entity, due_since_ms=since_ms)
            # Owed before the job says that it runs: who is killed in between owes it twice.
            total = await self._count()
            await self._committer.commit(Submission(self._team, moves=(move,)))
            await self._file.write(state="running", total=total)
        self._readings.begin([entity], at_once=True)
        await self._follow()

    async def _follow(self) -> None:
        """The position knows how far its reading is, whoever does it."""
        rows = 0
        while (reading := self._committer.position(self._team, self._request.entity).snapshot).state != "done":
            if reading.rows != rows:
                rows = reading.rows
                await self._file.write(done=rows, total=max(rows, self._file.job.total or 0))
            await asyncio.sleep(self._readings.context.pace.progress_seconds)
        await self._file.write(state="done", done=reading.rows, total=reading.rows, report={"read": reading.rows})
