"""One write-back run of one team: plan, compare, send, report. Every step is recorded before it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from schemas.documents import WritebackPart, WritebackRow, WritebackRun
from schemas.events import ENTITIES, Entity
from workers.core.writeback import (
    batches_of,
    by_calls,
    compared,
    fields_of,
    first_place,
    is_on,
    last_place,
    rows_together,
    undone,
)
from workers.core.writeback.parts import BATCH_ROWS, JOB_ROWS, ROUNDS
from workers.insights.claim import Claim
from workers.insights.plan import Plan
from workers.insights.report import finish
from workers.insights.sending.calls import CallsOfPart
from workers.insights.sending.job import JobOfPart
from workers.insights.sending.run_state import RunState
from workers.ports import Clock, Exhausted, SalesforceOrg, Store
from workers.runtime.writeback_settings import settings_of

PART_CALLS = 30
"""API calls that a part takes at most: create, upload, complete, three results, and polls with growing pauses."""

NO_CALLS_LEFT = "our share of the org's daily API requests is used up"
NO_BATCHES_LEFT = "our share of the org's daily batches of the Bulk API is used up"

UNDO_ROWS = 200
"""Records that one query reads."""

ROUND_PAUSE_SECONDS = 2.0
"""Before rows are sent again, times the round: locks are held for seconds."""

DAY_MS = 86_400_000


class Runner:
    def __init__(self, store: Store, org: SalesforceOrg, clock: Clock) -> None:
        self._store = store
        self._org = org
        self._clock = clock
        self._settling: asyncio.Task[None] | None = None

    async def run(self, claim: Claim) -> WritebackRun:
        """Carry a claimed run to its end, from wherever a predecessor left it; raises Unavailable or Refused."""
        state = RunState(claim, self._store, self._org, self._clock)
        if claim.run.phase == "planning":
            await (self._plan(state) if claim.run.undoes is None else self._plan_undo(state, claim.run.undoes))
        if claim.run.phase == "comparing":
            await self._compare(state)
        try:
            for entity in ENTITIES:
                await self._send(state, entity, 0)
            await self._settled()
            for entity in ENTITIES:
                await self._send_again(state, entity)
        finally:
            await self._stop_settling()
        return await finish(self._store, claim, self._clock.now_ms(), calls_used=state.calls_used)

    async def _plan(self, state: RunState) -> None:
        """A row that exists already was planned by a predecessor and stays as it is."""
        settings = await settings_of(self._store, state.run.team)
        plan = Plan(self._store, state.run, settings)
        async for page in plan.rows():
            if page:
                await self._store.writeback_rows.swap(page)
        await state.update(phase="comparing" if settings.compare_first else "sending", skipped=dict(+plan.skipped))

    async def _plan_undo(self, state: RunState, of: str) -> None:
        """The rows of a run in reverse, where the org still has what it wrote."""
        settings, run = await settings_of(self._store, state.run.team), state.run
        for entity in ENTITIES:
            fields = fields_of(settings, entity)
            async for page in self._written_by(run.team, of, entity):
                names = ["Id", fields.score, fields.date]
                found = await self._org.records(entity, [row.record_id for row in page], names)
                current = {row["Id"]: row for row in found}
                back = [undone(row, run.run_id, current.get(row.record_id), fields) for row in page]
                await self._store.writeback_rows.swap(back)
        await state.update(phase="sending")

    async def _compare(self, state: RunState) -> None:
        """What Salesforce has already is not written. One call for 2,000 rows."""
        settings = await settings_of(self._store, state.run.team)
        for entity in ENTITIES:
            fields = fields_of(settings, entity)
            async for page in state.pages(first_place(entity), last_place(entity), ("planned",)):
                target = await state.target(entity, fields)
                current = await state.current(entity, page, target)
                known = [row for row in page if row.record_id in current]
                await state.save([compared(row, current[row.record_id], target) for row in known], fields)
        await state.update(phase="sending")

    async def _send(self, state: RunState, entity: Entity, number: int) -> None:
        """The rows of an entity that round `number` is to settle, part after part."""
        after = first_place(entity)
        for name, part in parts_of(state.run, entity, number):
            if part.step != "settled":
                await self._carry(state, name, fresh=False)
            after = part.until
        while (following := await self._next_part(state, entity, number, after)) is not None:
            await self._carry(state, following, fresh=True)
            after = state.run.parts[following].until

    async def _send_again(self, state: RunState, entity: Entity) -> None:
        """Rows that failed for a passing reason, in ever smaller parts."""
        for number in range(1, ROUNDS + 1):
            await self._send(state, entity, number)
            await self._settled()
        await self._leave(state, entity, first_place(entity), "postponed")

    async def _carry(self, state: RunState, name: str, *, fresh: bool) -> None:
        try:
            if state.run.parts[name].with_job:
                job = JobOfPart(state, name)
                await job.carry(fresh=fresh)
                await self._settled()
                self._settling = asyncio.create_task(job.settle())
            else:
                await CallsOfPart(state, name).carry()
        except Exhausted:
            part = state.run.parts[name]
            if part.step not in ("creating", "writing"):
                raise  # a job is under way: its results wait until calls are answered again
            await self._leave(state, part.entity, part.after, "postponed", NO_CALLS_LEFT)
            await state.record(name, part.model_copy(update={"step": "settled"}))

    async def _settled(self) -> None:
        """The part before is, which takes as long as the org's work on the next."""
        if self._settling is not None:
            await self._settling
            self._settling = None

    async def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)

    async def _next_part(self, state: RunState, entity: Entity, number: int, after: str) -> str | None:
        """Record the part that follows, and its name; None: nothing is left, or nothing may be sent."""
        outcomes = ("planned",) if number == 0 else ("retry",)
        waiting, _ = await self._extent(state, entity, after, outcomes, 2 * JOB_ROWS)
        if not waiting or not await self._may_send(state, entity, after):
            return None
        if number and not any(True for _ in parts_of(state.run, entity, number)):
            await asyncio.sleep(ROUND_PAUSE_SECONDS * number)
        together = rows_together(waiting, number)
        short = by_calls(together, number)
        if not short and (together := await self._within_batches(state, together)) == 0:
            await self._leave(state, entity, after, "postponed", NO_BATCHES_LEFT)
            return None
        rows, until = await self._extent(state, entity, after, outcomes, together)
        part = WritebackPart(
            entity=entity,
            after=after,
            until=until,
            rows=rows,
            round=number,
            fields=fields_of(await settings_of(self._store, state.run.team), entity),
            step="writing" if short else "creating",
            with_job=not short,
            began_at_ms=self._clock.now_ms(),
        )
        name = f"{entity}-{sum(each.entity == entity for each in state.run.parts.values())}"
        await state.record(name, part)
        return name

    async def _extent(
        self, state: RunState, entity: Entity, after: str, outcomes: tuple[str, ...], limit: int
    ) -> tuple[int, str]:
        questions, run = self._store.writeback_row_queries, state.run
        return await questions.extent(run.team, run.run_id, after, last_place(entity), outcomes, limit)

    async def _may_send(self, state: RunState, entity: Entity, after: str) -> bool:
        """A switch counts at once, and so does the budget: both are looked at before every part."""
        settings = await settings_of(self._store, state.run.team)
        if not (is_on(settings, entity) or state.run.undoes):
            await self._leave(state, entity, after, "disabled")
            return False
        left = self._org.background_calls_left()
        if left is not None and left < PART_CALLS:
            await self._leave(state, entity, after, "postponed", NO_CALLS_LEFT)
            return False
        return True

    async def _within_batches(self, state: RunState, rows: int) -> int:
        """As many of the rows as the daily batches allow."""
        since_ms = self._clock.now_ms() - DAY_MS
        runs = [run async for run in self._store.writeback_runs.scan(state.run.team)]
        left = await self._org.batches_left(sum(run.batches for run in runs if run.started_at_ms > since_ms))
        return rows if left is None or batches_of(rows) <= left else max(0, left) * BATCH_ROWS

    async def _leave(self, state: RunState, entity: Entity, after: str, outcome: str, why: str | None = None) -> None:
        """What is not sent in this run. A reason that Salesforce gave stays."""
        outcomes = ("retry",) if outcome == "postponed" and why is None else ("planned", "retry")
        async for page in state.pages(after, last_place(entity), outcomes):
            await state.leave([row.model_copy(update={"outcome": outcome, "error": row.error or why}) for row in page])

    async def _written_by(self, team: str, run_id: str, entity: Entity) -> AsyncIterator[list[WritebackRow]]:
        after, questions = first_place(entity), self._store.writeback_row_queries
        while page := await questions.in_order(team, run_id, after, last_place(entity), ("accepted",), UNDO_ROWS):
            yield page
            after = page[-1].place


def parts_of(run: WritebackRun, entity: Entity, number: int) -> list[tuple[str, WritebackPart]]:
    """Of one round, in the order in which they were recorded."""
    found = [(name, part) for name, part in run.parts.items() if (part.entity, part.round) == (entity, number)]
    return sorted(found, key=lambda named: named[1].until)
