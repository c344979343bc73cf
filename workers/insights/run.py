"""One write-back run of one team: plan, compare, send, report. Every step is recorded before it is taken."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.documents import WritebackRow, WritebackRun
from schemas.events import ENTITIES, Entity
from workers.core.writeback import Target, compared, fields_of, first_place, last_place, undone
from workers.core.writeback.packs import PACK_ROWS
from workers.insights.claim import Claim
from workers.insights.plan import Plan
from workers.insights.report import finish
from workers.insights.sending.lanes import side_by_side
from workers.insights.sending.run_state import RunState
from workers.insights.sheet import Sheet
from workers.ports import Clock, SalesforceOrg, Store
from workers.runtime.writeback_rows import pages
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
            # The packs of a predecessor who was killed, or is still at it, are not ours.
            await state.update(sheet=claim.run.rev)
            await (self._plan(state) if claim.run.undoes is None else self._plan_undo(state, claim.run.undoes))
        if claim.run.phase == "comparing":
            await self._compare(state)
        await side_by_side(state)
        return await finish(self._store, claim, self._clock.now_ms(), calls_used=state.calls_used)

    async def _plan(self, state: RunState) -> None:
        settings = await settings_of(self._store, state.run.team)
        plan, sheet = Plan(self._store, state.run.team, settings), Sheet(self._store, state.run)
        async for page in plan.rows():
            await sheet.add(page)
        await sheet.keep()
        await state.update(phase="comparing" if settings.compare_first else "sending", skipped=dict(+plan.skipped))

    async def _plan_undo(self, state: RunState, of: str) -> None:
        """The rows of a run in reverse, where the org still has what it wrote."""
        settings, sheet = await settings_of(self._store, state.run.team), Sheet(self._store, state.run)
        (written,) = (await self._store.writeback_runs.load([(state.run.team, of)])).values()
        for entity in ENTITIES:
            fields = fields_of(settings, entity)
            accepted = pages(self._store, written, first_place(entity), last_place(entity), ("accepted",), PACK_ROWS)
            async for page in accepted:
                target = await state.target(entity, fields)
                await sheet.keep_as(entity, await self._undone(state.run.run_id, page, entity, target))
        await state.update(phase="sending")

    async def _undone(
        self, run_id: str, rows: Sequence[WritebackRow], entity: Entity, target: Target
    ) -> list[WritebackRow]:
        back: list[WritebackRow] = []
        for start in range(0, len(rows), UNDO_ROWS):
            asked = rows[start : start + UNDO_ROWS]
            found = await self._org.records(entity, [row.record_id for row in asked], ["Id", *target.names])
            current = {row["Id"]: row for row in found}
            back += [undone(row, run_id, current.get(row.record_id), target) for row in asked]
        return back

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
