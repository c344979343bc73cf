"""Which rows go to Salesforce together next, within what may be sent at all."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from schemas.documents import WritebackPart, WritebackRun
from schemas.events import Entity
from workers.core.writeback import batches_of, by_calls, fields_of, is_on, last_place, rows_together
from workers.core.writeback.parts import BATCH_ROWS, JOB_ROWS
from workers.insights.sending.run_state import RunState
from workers.runtime.writeback_settings import settings_of

PART_CALLS = 30
"""API calls that a part takes at most: create, upload, complete, three results, and polls with growing pauses."""

NO_CALLS_LEFT = "our share of the org's daily API requests is used up"
NO_BATCHES_LEFT = "our share of the org's daily batches of the Bulk API is used up"

ROUND_PAUSE_SECONDS = 2.0
"""Before rows are sent again, times the round: locks are held for seconds."""

NOT_UPLOADED = frozenset({"creating", "created", "uploading"})
"""Steps of a part whose batches the run does not count yet."""

DAY_MS = 86_400_000

TOLD_FOR_MS = 300_000
"""What the org says is left of its daily batches: other programs use them too."""


class _Told(NamedTuple):
    at_ms: int
    ours: int
    """Our batches of the day at that time."""
    left: int | None


class NextParts:
    """Of one run. One is formed at a time, so that parts sent side by side share what is left of the day's batches."""

    def __init__(self, state: RunState) -> None:
        self._run = state
        self._forming = asyncio.Lock()
        self._told: _Told | None = None

    async def next(self, entity: Entity, number: int, after: str) -> str | None:
        """Record the part of round `number` that follows a place, and its name; None: nothing is left, or nothing may
        be sent."""
        if number and not any(True for _ in parts_of(self._run.run, entity, number)):
            waiting, _ = await self._extent(entity, after, number, 1)
            if waiting:
                await asyncio.sleep(ROUND_PAUSE_SECONDS * number)
        async with self._forming:
            part = await self._formed(entity, number, after)
            if part is None:
                return None
            name = f"{entity}-{sum(each.entity == entity for each in self._run.run.parts.values())}"
            await self._run.record(name, part)
            return name

    async def _formed(self, entity: Entity, number: int, after: str) -> WritebackPart | None:
        waiting, last = await self._extent(entity, after, number, 2 * JOB_ROWS)
        if not waiting or not await self._may_send(entity, after):
            return None
        together = rows_together(waiting, number)
        short = by_calls(together, number)
        if not short and (together := await self._within_batches(together)) == 0:
            await self._run.leave_from(entity, after, "postponed", NO_BATCHES_LEFT)
            return None
        rows, until = await self._extent(entity, after, number, together) if together < waiting else (waiting, last)
        return WritebackPart(
            entity=entity,
            after=after,
            until=until,
            rows=rows,
            round=number,
            fields=fields_of(await settings_of(self._run.store, self._run.run.team), entity),
            step="writing" if short else "creating",
            with_job=not short,
            began_at_ms=self._run.clock.now_ms(),
        )

    async def _extent(self, entity: Entity, after: str, number: int, limit: int) -> tuple[int, str]:
        outcomes = ("planned",) if number == 0 else ("retry",)
        return await self._run.extent(after, last_place(entity), outcomes, limit)

    async def _may_send(self, entity: Entity, after: str) -> bool:
        """A switch counts at once, and so does the budget: both are looked at before every part."""
        settings = await settings_of(self._run.store, self._run.run.team)
        if not (is_on(settings, entity) or self._run.run.undoes):
            await self._run.leave_from(entity, after, "disabled")
            return False
        left = self._run.org.background_calls_left()
        if left is not None and left < PART_CALLS:
            await self._run.leave_from(entity, after, "postponed", NO_CALLS_LEFT)
            return False
        return True

    async def _within_batches(self, rows: int) -> int:
        """As many of the rows as the daily batches allow."""
        since_ms = self._run.clock.now_ms() - DAY_MS
        runs = [run async for run in self._run.store.writeback_runs.scan(self._run.run.team)]
        ours = sum(run.batches + batches_due(run) for run in runs if run.started_at_ms > since_ms)
        left = await self._batches_left(ours)
        return rows if left is None or batches_of(rows) <= left else max(0, left) * BATCH_ROWS

    async def _batches_left(self, ours: int) -> int | None:
        """Asked of the org once in a while: in between, what we use is known here."""
        now_ms = self._run.clock.now_ms()
        if self._told is None or now_ms - self._told.at_ms > TOLD_FOR_MS:
            self._told = _Told(now_ms, ours, await self._run.org.batches_left(ours))
        return None if self._told.left is None else self._told.left - (ours - self._told.ours)


def batches_due(run: WritebackRun) -> int:
    """Of parts that are to be uploaded."""
    parts = (part for part in run.parts.values() if part.with_job and part.step in NOT_UPLOADED)
    return sum(batches_of(part.rows) for part in parts)


def parts_of(run: WritebackRun, entity: Entity, number: int) -> list[tuple[str, WritebackPart]]:
    """Of one round, in the order in which they were recorded."""
    found = [(name, part) for name, part in run.parts.items() if (part.entity, part.round) == (entity, number)]
    return sorted(found, key=lambda named: named[1].until)
