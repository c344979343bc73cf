"""The insights process: takes in engagement scores, and once a day writes the changed ones back to Salesforce."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.documents import Connection, WritebackRun
from schemas.topics import SCORES
from workers.insights.run import Runner
from workers.insights.scores import keep, read
from workers.ports import Clock, Message, Processor, Publisher, Refused, SalesforceOrgs, Store, Unavailable
from workers.runtime.connections import connection_of
from workers.runtime.retry import patiently

TOPICS = (SCORES,)

LOOK_SECONDS = 60.0
"""Between two looks for teams that are due."""

DUE_HOUR_UTC = 2


class Insights:
    def __init__(self, store: Store, orgs: SalesforceOrgs, publisher: Publisher, clock: Clock) -> None:
        self._store = store
        self._orgs = orgs
        self._publisher = publisher
        self._clock = clock

    async def run(self, processor: Processor, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            daily = tasks.create_task(self._daily(stop))
            try:
                await processor.run(self.handle, stop)
            finally:
                daily.cancel()

    async def handle(self, messages: Sequence[Message]) -> None:
        """Returns when all scores of the batch are kept or parked."""
        scores, refused = read(messages, self._clock.now_ms())
        if refused:
            await patiently(lambda: self._publisher.park(refused))
        await patiently(lambda: keep(self._store, scores))

    async def write_back(self, team: str | None, *, again: bool) -> list[WritebackRun]:
        """Write back one team, or every connected one; `again`: also when today's run is done already."""
        connections = (
            await self._store.connection_queries.active() if team is None else [await connection_of(self._store, team)]
        )
        run_id = f"{self._now():%Y-%m-%d}" + (f"-{self._clock.now_ms()}" if again else "")
        return [await self._write_back(connection, run_id) for connection in connections]

    async def _daily(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._write_back_due()
            try:
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
            except TimeoutError:
                continue

    async def _write_back_due(self) -> None:
        now = self._now()
        if now.hour < DUE_HOUR_UTC:
            return
        for connection in await patiently(self._store.connection_queries.active):
            await self._write_back(connection, f"{now:%Y-%m-%d}")

    async def _write_back(self, connection: Connection, run_id: str) -> WritebackRun:
        """Once per team and run id: whoever creates the run document carries it out, the others see it done.

        What Salesforce refuses for good ends the run as failed, with the reason; the other teams' runs go on.
        """
        claim = WritebackRun(team=connection.team, run_id=run_id, started_at_ms=self._clock.now_ms())
        if await self._store.writeback_runs.swap([claim]):
            run = (await self._store.writeback_runs.load([(claim.team, run_id)]))[claim.team, run_id]
            if run.state != "running":
                return run
        else:
            run = claim.model_copy(update={"rev": 1})
        try:
            return await Runner(self._store, self._orgs.org(connection), self._clock).run(run)
        except Refused as refusal:
            return await self._fail(run, str(refusal))

    async def _fail(self, run: WritebackRun, reason: str) -> WritebackRun:
        stored = (await self._store.writeback_runs.load([(run.team, run.run_id)]))[run.team, run.run_id]
        failed = stored.model_copy(update={"state": "failed", "detail": reason, "finished_at_ms": self._clock.now_ms()})
        if await self._store.writeback_runs.swap([failed]):
            raise Unavailable(f"another worker has taken over run {run.run_id} of team {run.team}")
        return failed

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
