"""What all parts of a run share while it is sent: who carries it, where its rows go, what it has cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

from schemas.documents import Insight, InsightFields, WritebackPack, WritebackPart, WritebackRow, WritebackRun
from schemas.events import Entity
from workers.core.writeback import Target, last_place
from workers.core.writeback.packs import by_pack, settled_before, sheet_id, with_rows
from workers.insights.claim import Claim, TakenOver
from workers.ports import Clock, Refused, SalesforceOrg, Store, Unavailable
from workers.runtime.retry import patiently
from workers.runtime.writeback_rows import extent, pages
from workers.runtime.writeback_settings import described

PAGE_ROWS = 2_000
"""Rows read and written together: as many as one call compares."""

PAGES_AT_ONCE = 3
"""Pages that are being written while the next is read and judged: the database works beside us."""

SAVE_ROUNDS = 10
"""Lost compare-and-swaps in a row: on an insight only a run by hand beside the daily one can cause one, on a pack those
whose rows are written side by side."""


class RunState:
    def __init__(self, claim: Claim, store: Store, org: SalesforceOrg, clock: Clock) -> None:
        self.org = org
        self.clock = clock
        self.store = store
        self._claim = claim
        self._free_calls = org.calls_made() - claim.run.calls_used
        self._targets: dict[tuple[Entity, str, str], Target] = {}

    @property
    def run(self) -> WritebackRun:
        return self._claim.run

    @property
    def calls_used(self) -> int:
        return self.org.calls_made() - self._free_calls

    async def update(self, **changes: object) -> None:
        await self.revise(lambda _: changes)

    async def revise(self, change: Callable[[WritebackRun], Mapping[str, object]]) -> None:
        await self._claim.revise(lambda run: {"calls_used": self.calls_used, **change(run)})

    async def record(self, name: str, part: WritebackPart, job_id: str | None = None) -> None:
        """How a part stands, before it is acted upon. Raises TakenOver when another worker carries the run."""
        job = {name: job_id} if job_id else {}
        await self.revise(lambda run: {"parts": run.parts | {name: part}, "jobs": run.jobs | job})

    async def forget_job(self, name: str, part: WritebackPart) -> None:
        await self.revise(
            lambda run: {
                "parts": run.parts | {name: part},
                "jobs": {other: job_id for other, job_id in run.jobs.items() if other != name},
            }
        )

    async def tell(self, problem: str) -> None:
        """The run will have failed, with this among its reasons."""
        if problem not in (self.run.detail or ""):
            await self.revise(lambda run: {"detail": f"{run.detail}; {problem}" if run.detail else problem})

    async def target(self, entity: Entity, fields: InsightFields) -> Target:
        """Checked once, before anything is sent. Raises Refused with what an administrator must do."""
        key = (entity, fields.score, fields.date)
        if key not in self._targets:
            problems, scale = await described(self.org, entity, fields)
            if problems:
                raise Refused(
                    f"{'; '.join(problems)}. `segment-sync writeback create-fields {self.run.team}` creates missing "
                    "fields; otherwise an administrator creates them, or gives the connected user Edit access"
                )
            self._targets[key] = Target(fields, scale)
        return self._targets[key]

    async def pages(
        self, after: str, until: str, outcomes: Collection[str] | None = None, limit: int = PAGE_ROWS
    ) -> AsyncIterator[list[WritebackRow]]:
        """Rows of the run in their order."""
        async for page in pages(self.store, self.run, after, until, outcomes, limit):
            yield page

    async def extent(self, after: str, until: str, outcomes: Collection[str], limit: int) -> tuple[int, str]:
        return await extent(self.store, self.run, after, until, outcomes, limit)

    async def save(self, rows: Sequence[WritebackRow], fields: InsightFields) -> None:
        """What was written to `fields`. The insights first: a row that is settled is not looked at again."""
        for start in range(0, len(rows), PAGE_ROWS):
            page = rows[start : start + PAGE_ROWS]
            if self.run.undoes is None:  # what was undone stays so until the score changes
                await self._remember([row for row in page if row.outcome in ("accepted", "same")], fields)
            await self.leave(page)

    async def leave(self, rows: Sequence[WritebackRow]) -> None:
        """Write rows as they are now. Others of their packs may be written at the same time. Raises TakenOver when
        another worker has settled them."""
        rows_by_pack = by_pack(rows)
        for _ in range(SAVE_ROUNDS):
            if not rows_by_pack:
                return
            stored = await self._packs(rows_by_pack)
            revised = [with_rows(pack, rows_by_pack[pack.place]) for pack in stored]
            lost = {pack.place for pack in await self.store.writeback_packs.swap(revised)}
            rows_by_pack = {place: of_pack for place, of_pack in rows_by_pack.items() if place in lost}
        raise Unavailable(f"{len(rows_by_pack)} packs of rows lost {SAVE_ROUNDS} compare-and-swaps in a row")

    async def _packs(self, rows_by_pack: Mapping[str, Mapping[int, WritebackRow]]) -> list[WritebackPack]:
        """As they are stored."""
        run = self.run
        keys = [(run.team, f"{sheet_id(run.run_id, run.sheet)}:{place}") for place in rows_by_pack]
        stored = list((await self.store.writeback_packs.load(keys)).values())
        if others := sum(settled_before(pack, rows_by_pack[pack.place]) for pack in stored):
            raise TakenOver(f"another worker has settled {others} rows of the write-back run meanwhile")
        return stored

    async def leave_from(self, entity: Entity, after: str, outcome: str, why: str | None = None) -> None:
        """What is not sent in this run, from a place on. A reason that Salesforce gave stays."""
        outcomes = ("retry",) if outcome == "postponed" and why is None else ("planned", "retry")
        async for page in self.pages(after, last_place(entity), outcomes):
            await self.leave([row.model_copy(update={"outcome": outcome, "error": row.error or why}) for row in page])

    async def _remember(self, rows: Sequence[WritebackRow], fields: InsightFields) -> None:
        """Whatever is there: what was accepted last counts."""
        revs = {row.record_id: row.insight_rev for row in rows}
        for _ in range(SAVE_ROUNDS):
            if not rows:
                return
            insights = [insight_of(row, revs.get(row.record_id, 0), fields) for row in rows]
            lost = {insight.record_id for insight in await self.store.insights.swap(insights)}
            rows = [row for row in rows if row.record_id in lost]
            known = await self.store.insights.load([(row.team, row.record_id) for row in rows])
            revs = {insight.record_id: insight.rev for insight in known.values()}
        raise Unavailable(f"{len(rows)} insights lost {SAVE_ROUNDS} compare-and-swaps in a row")

    async def current(
        self, entity: Entity, rows: Sequence[WritebackRow], target: Target
    ) -> dict[str, dict[str, object]]:
        """What the org has now, by record id."""
        ids = [row.record_id for row in rows]
        return await patiently(lambda: self.org.current_values(entity, ids, target.names))


def insight_of(row: WritebackRow, rev: int, fields: InsightFields) -> Insight:
    assert row.score is not None, "only an undo clears scores, and it remembers none"
    return Insight.trusted(
        {
            "team": row.team,
            "record_id": row.record_id,
            "entity": row.entity,
            "rev": rev,
            "score": row.score,
            "last_engagement_date": row.last_engagement_date,
            "score_field": fields.score,
            "date_field": fields.date,
        }
    )
