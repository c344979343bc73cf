"""Keeps one entity in sync by queries, while its events cannot be had."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from schemas.events import Entity, Version
from schemas.topics import CHANGES
from workers.capture import metrics
from workers.capture.committer import PART_ROWS, Move, Submission
from workers.capture.mirror.readings import Readings
from workers.capture.pace import Backoff
from workers.core.capture.polling import LONGEST_ROUND_SECONDS, PAGE_ROWS, Window, page_of, round_seconds, window
from workers.core.capture.positions import EVERYTHING_AGAIN
from workers.core.capture.snapshot_rows import snapshot_changes
from workers.core.capture.snapshots import instant, parts
from workers.ports import Refused, Unavailable

log = structlog.get_logger()

CATCH_UP_MS = 30 * 60 * 1000
"""Who is further behind catches up by a reading, which takes Bulk API 2.0 for many records."""


class Poller:
    """A record that changed is published once per stamp; deletions come from the recycle bin.

    When the stream can be had again, what changed meanwhile is in it, or is owed by the position: a round that is cut
    off leaves no gap.
    """

    def __init__(self, entity: Entity, readings: Readings) -> None:
        self._entity = entity
        self._team = readings.team
        self._readings = readings
        self._committer = readings.context.committer
        self._clock = readings.context.clock
        self._published: dict[str, str] = {}
        """Stamp by id of what the windows overlap in."""

    async def run(self) -> None:
        """Until cancelled."""
        pace = self._readings.context.pace
        backoff = Backoff.of(pace)
        while True:
            try:
                calls = await self.round()
            except Unavailable as error:
                log.warning("polling waits", team=self._team, entity=self._entity, reason=str(error))
                await backoff.pause()
            except Refused as error:
                self._readings.was_refused(self._entity, str(error))
                await asyncio.sleep(pace.scale * LONGEST_ROUND_SECONDS)
            else:
                backoff.reset()
                await asyncio.sleep(pace.scale * round_seconds(calls, self._readings.org.background_calls_left()))

    async def round(self) -> int:
        """Bring the entity up to now; the number of calls it took. Raises Unavailable and Refused."""
        position = self._committer.position(self._team, self._entity)
        now_ms = self._clock.now_ms()
        if position.snapshot.state != "done":
            self._readings.begin([self._entity])
            return 1
        if position.confirmed_ms is None:
            return await self._owe(Move(self._entity, snapshot=EVERYTHING_AGAIN))
        wanted = window(position.confirmed_ms, now_ms)
        if now_ms - position.confirmed_ms > CATCH_UP_MS:
            return await self._owe(Move(self._entity, due_since_ms=wanted.since_ms))
        calls = await self._read(wanted, position.version)
        self._readings.was_allowed(self._entity)
        self._published = {i: stamp for i, stamp in self._published.items() if stamp >= instant(wanted.since_ms)}
        moved = Move(self._entity, confirmed_ms=wanted.until_ms)
        await self._committer.commit(Submission(self._team, moves=(moved,)))
        return calls

    async def _owe(self, move: Move) -> int:
        await self._committer.commit(Submission(self._team, moves=(move,)))
        self._readings.begin([self._entity])
        return 1

    async def _read(self, wanted: Window, floor: Version | None) -> int:
        names = await self._readings.described.types(self._entity)
        calls = 0
        while True:
            rows = await self._readings.org.query(page_of(self._entity, names, wanted), deleted=True)
            calls += 1
            await self._publish(rows, floor)
            if len(rows) < PAGE_ROWS:
                return calls
            wanted = replace(wanted, after_stamp=str(rows[-1]["SystemModstamp"]), after_id=str(rows[-1]["Id"]))

    async def _publish(self, rows: Sequence[Mapping[str, Any]], floor: Version | None) -> None:
        news = [row for row in rows if self._published.get(str(row["Id"])) != _stamp(row)]
        types = await self._readings.described.types(self._entity)
        used = self._readings.described.used(self._entity)
        for part in parts(news, PART_ROWS):
            if part:
                now_ms, topic = self._clock.now_ms(), CHANGES[self._entity].name
                changes, parked = snapshot_changes(
                    self._team, self._entity, part, types, now_ms, topic, floor=floor, used=used
                )
                await self._committer.commit(Submission(self._team, tuple(changes), parked=tuple(parked)))
                metrics.POLLED.labels(self._entity).inc(len(part))
        self._published.update((str(row["Id"]), _stamp(row)) for row in news)


def _stamp(row: Mapping[str, Any]) -> str:
    """In one spelling, so that stamps compare as text."""
    return str(row["SystemModstamp"]).replace("+0000", "Z")
