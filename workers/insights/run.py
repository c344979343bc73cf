"""One write-back run of one team: plan, compare, send, report. Every step is recorded before it is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from schemas.documents import WritebackRow, WritebackRun
from schemas.events import ENTITIES, Entity
from workers.core.writeback import compared, fields_of, first_place, last_place, undone
from workers.insights.claim import Claim
from workers.insights.plan import Plan
from workers.insights.report import finish
from workers.insights.sending.lanes import side_by_side
from workers.insights.sending.run_state import PAGES_AT_ONCE, RunState
from workers.ports import Clock, SalesforceOrg, Store
from workers.runtime.in_flight import InFlight
from workers.runtime.writeback_settings import settings_of

UNDO_ROWS = 200
"""Records that one query reads."""


class Runner:
    def __init__(self, store: Store, org: SalesforceOrg, clock: Clock) -> None:
        self._store = store
        self._org = org
        self._clock = clock

    async def run(self, claim: Claim) -> WritebackRun:
        """Carry a claimed run to its end, from wherever a predecessor left it; raises Unavailable or Refused."""
        state = RunState(claim, self._store, self._org, self._clock)
        if claim.run.phase == "planning":
            await (self._plan(state) if claim.run.undoes is None else self._plan_undo(state, claim.run.undoes))
        if claim.run.phase == "comparing":
            await self._compare(state)
        await side_by_side(state)
        return await finish(self._store, claim, self._clock.now_ms(), calls_used=state.calls_used)

    async def _plan(self, state: RunState) -> None:
        """A row that exists already was planned by a predecessor and stays as it is."""
        settings = await settings_of(self._store, state.run.team)
        plan = Plan(self._store, state.run, settings)
        async with InFlight(PAGES_AT_ONCE) as writing:
            async for page in plan.rows():
                if page:
                    await writing.add(self._keep(page))
        await state.update(phase="comparing" if settings.compare_first else "sending", skipped=dict(+plan.skipped))

    async def _keep(self, rows: Sequence[WritebackRow]) -> None:
        await self._store.writeback_rows.swap(rows)

    async def _plan_undo(self, state: RunState, of: str) -> None:
        """The rows of a run in reverse, where the org still has what it wrote."""
        settings, run = await settings_of(self._store, state.run.team), state.run
        for entity in ENTITIES:
            fields = fields_of(settings, entity)
            async for page in self._written_by(run.team, of, entity):
                target = await state.target(entity, fields)
                found = await self._org.records(entity, [row.record_id for row in page], ["Id", *target.names])
                current = {row["Id"]: row for row in found}
                back = [undone(row, run.run_id, current.get(row.record_id), target) for row in page]
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

    async def _written_by(self, team: str, run_id: str, entity: Entity) -> AsyncIterator[list[WritebackRow]]:
        after, questions = first_place(entity), self._store.writeback_row_queries
        while page := await questions.in_order(team, run_id, after, last_place(entity), ("accepted",), UNDO_ROWS):
            yield page
            after = page[-1].place
