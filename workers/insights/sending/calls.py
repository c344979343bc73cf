"""One part call by call, without a job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from schemas.documents import WritebackPart, WritebackRow
from workers.core.writeback import Target, call_rows, cell_values, has_values, is_waiting, judged
from workers.core.writeback.settling import ACCEPTED
from workers.insights.sending.run_state import RunState
from workers.ports import Exhausted, Unavailable

ATTEMPTS = 4
PAUSE_SECONDS = 1.0


class CallsOfPart:
    def __init__(self, state: RunState, name: str) -> None:
        self._run = state
        self._name = name

    @property
    def _part(self) -> WritebackPart:
        return self._run.run.parts[self._name]

    async def carry(self) -> None:
        """From wherever it was left."""
        part = self._part
        target = await self._run.target(part.entity, part.fields)
        if part.written:
            await self._look_again(target)
        # Whatever waits has not been written: the page of a call that was cut off has just been compared.
        async for page in self._run.pages(part.after, part.until, ("planned", "retry"), call_rows(part.round)):
            if waiting := [row for row in page if is_waiting(row, part.round)]:
                await self._record(written=waiting[-1].place)
                await self._write(waiting, target)
        await self._record(step="settled")

    async def _record(self, **changes: object) -> None:
        await self._run.record(self._name, self._part.model_copy(update=changes))

    async def _look_again(self, target: Target) -> None:
        part = self._part
        async for page in self._run.pages(part.after, part.written, ("planned", "retry")):
            await self._save_written([row for row in page if is_waiting(row, part.round)], target)

    async def _write(self, rows: Sequence[WritebackRow], target: Target) -> None:
        """Settle them. A reply that did not come does not say whether they were written, so the records are asked
        before they are written once more. Raises Unavailable after some attempts."""
        for attempt in range(ATTEMPTS):
            values = [{"Id": row.record_id, **cell_values(row, target.fields)} for row in rows]
            try:
                saved = await self._run.org.update_records(self._part.entity, values)
            except Exhausted:
                raise
            except Unavailable:
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                judgements = zip(rows, saved, strict=True)
                await self._run.save(
                    [judged(row, each.error or ACCEPTED, self._part.round) for row, each in judgements],
                    self._part.fields,
                )
                return
            await asyncio.sleep(PAUSE_SECONDS)
            if not (rows := await self._save_written(rows, target)):
                return

    async def _save_written(self, rows: Sequence[WritebackRow], target: Target) -> list[WritebackRow]:
        """Settle those that the org has; the others."""
        if not rows:
            return []
        current = await self._run.current(self._part.entity, rows, target)
        written = [row for row in rows if has_values(current.get(row.record_id, {}), row, target)]
        await self._run.save([judged(row, ACCEPTED, self._part.round) for row in written], self._part.fields)
        settled = {row.record_id for row in written}
        return [row for row in rows if row.record_id not in settled]
