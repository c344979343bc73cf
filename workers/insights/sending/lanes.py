"""The rows of a run, sent: objects side by side where Salesforce does not lock their records together."""

from __future__ import annotations

import asyncio

from schemas.events import Entity
from workers.core.writeback import first_place
from workers.core.writeback.parts import ROUNDS
from workers.insights.sending.calls import CallsOfPart
from workers.insights.sending.job import JobOfPart
from workers.insights.sending.next_part import NO_CALLS_LEFT, NextParts, parts_of
from workers.insights.sending.run_state import RunState
from workers.ports import Exhausted, Refused, Unavailable

LANES: tuple[tuple[Entity, ...], ...] = (("contact", "account"), ("lead",))
"""Who writes a contact locks its account ("Record-Level Locking", Salesforce Developers): they follow each other."""


async def side_by_side(state: RunState) -> None:
    """Carry every row to an outcome. When one lane meets an error the others come to their ends first: what their jobs
    have written is recorded. Raises Refused rather than Unavailable."""
    parts = NextParts(state)
    ended = await asyncio.gather(*(Lane(state, parts, entities).carry() for entities in LANES), return_exceptions=True)
    errors = [error for error in ended if error is not None]
    if errors:
        raise min(errors, key=_rank)


def _rank(error: BaseException) -> int:
    """A bug first."""
    return 1 if isinstance(error, Refused) else 2 if isinstance(error, Unavailable) else 0


class Lane:
    def __init__(self, state: RunState, parts: NextParts, entities: tuple[Entity, ...]) -> None:
        self._run = state
        self._parts = parts
        self._entities = entities
        self._settling: asyncio.Task[None] | None = None

    async def carry(self) -> None:
        """From wherever it was left."""
        try:
            for entity in self._entities:
                await self._send(entity, 0)
            await self._settled()
            for entity in self._entities:
                await self._send_again(entity)
        finally:
            await self._stop_settling()

    async def _send(self, entity: Entity, number: int) -> None:
        """The rows of an entity that round `number` is to settle, part after part."""
        after = first_place(entity)
        for name, part in parts_of(self._run.run, entity, number):
            if part.step != "settled":
                await self._carry(name, fresh=False)
            after = part.until
        while (following := await self._parts.next(entity, number, after)) is not None:
            await self._carry(following, fresh=True)
            after = self._run.run.parts[following].until

    async def _send_again(self, entity: Entity) -> None:
        """Rows that failed for a passing reason, in ever smaller parts."""
        for number in range(1, ROUNDS + 1):
            await self._send(entity, number)
            await self._settled()
        await self._run.leave_from(entity, first_place(entity), "postponed")

    async def _carry(self, name: str, *, fresh: bool) -> None:
        try:
            if self._run.run.parts[name].with_job:
                job = JobOfPart(self._run, name)
                await job.carry(fresh=fresh)
                await self._settled()
                self._settling = asyncio.create_task(job.settle())
            else:
                await CallsOfPart(self._run, name).carry()
        except Exhausted:
            part = self._run.run.parts[name]
            if part.step not in ("creating", "writing"):
                raise  # a job is under way: its results wait until calls are answered again
            await self._run.leave_from(part.entity, part.after, "postponed", NO_CALLS_LEFT)
            await self._run.record(name, part.model_copy(update={"step": "settled"}))

    async def _settled(self) -> None:
        """The part before is, which takes as long as the org's work on the next."""
        if self._settling is not None:
            await self._settling
            self._settling = None

    async def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)
