"""The insights process: takes in engagement scores, and once a day writes the changed ones back to Salesforce."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog

from schemas.documents import Connection, WritebackRun, WritebackSettings
from schemas.topics import SCORES
from workers.core.schedule import Schedule
from workers.core.writeback import fields_of, schedule_of
from workers.insights.claim import Claims
from workers.insights.metrics import tell_day, tell_run
from workers.insights.report import finish
from workers.insights.retention import DAYS, Retention
from workers.insights.run import Runner
from workers.insights.scores import Teams, keep, of_unknown, read
from workers.ports import Clock, Message, Processor, Publisher, Refused, SalesforceOrgs, Store, Unavailable
from workers.runtime.connections import connection_of
from workers.runtime.retry import patiently
from workers.runtime.usage import share
from workers.runtime.writeback_settings import settings_of

TOPICS = (SCORES,)

LOOK_SECONDS = 60.0
"""Between two looks for teams that are due, and at what runs came to: two queries each, for all teams together."""

DAY_MS = 86_400_000

ENDED_LOOK_SECONDS = 2.0
"""Between two looks at a run that another worker carries out."""

TEAMS_AT_ONCE = 4
"""Runs under way in a process. They mostly wait for Salesforce, which may take hours over the job of one team; the
largest jobs hold 50 MB of outcomes each."""

log = structlog.get_logger()


class Insights:
    def __init__(
        self, store: Store, orgs: SalesforceOrgs, publisher: Publisher, clock: Clock, rows_kept_days: int = DAYS
    ) -> None:
        self._store = store
        self._orgs = orgs
        self._publisher = publisher
        self._clock = clock
        self._claims = Claims(store, clock)
        self._teams = Teams(store)
        self._retention = Retention(store, clock, rows_kept_days)
        self._turns = asyncio.Semaphore(TEAMS_AT_ONCE)

    async def run(self, processor: Processor, stop: asyncio.Event, *, scheduled: bool = True) -> None:
        """Without `scheduled` somebody else calls `write_back_due` now and then."""
        async with asyncio.TaskGroup() as tasks:
            looking = [tasks.create_task(self._tell(stop))]
            if scheduled:
                looking.append(tasks.create_task(self._daily(stop)))
            try:
                await processor.run(self.handle, stop)
            finally:
                for task in looking:
                    task.cancel()

    async def handle(self, messages: Sequence[Message]) -> None:
        """Returns when all scores of the batch are kept or parked."""
        now_ms = self._clock.now_ms()
        scores, refused = read(messages, now_ms)
        unknown = await patiently(lambda: self._teams.unknown({score.team for _, score in scores}))
        refused += of_unknown(scores, unknown, now_ms)
        if refused:
            await patiently(lambda: self._publisher.park(refused))
        await patiently(lambda: keep(self._store, [score for _, score in scores if score.team not in unknown]))

    async def write_back(self, team: str | None, *, again: bool) -> list[WritebackRun]:
        """Write back one team, or every connected one; `again`: also when today's run is done already.

        Returns when the runs have ended, whoever carried them out. Raises Unavailable when an org does not answer,
        after the other teams have had their turn: the same call resumes the run.
        """
        connections = (
            await self._store.connection_queries.active() if team is None else [await connection_of(self._store, team)]
        )
        schedules = await self._schedules(connections)
        now_ms = self._clock.now_ms()
        suffix = f"-{now_ms}" if again else ""
        return await self._each([(each, schedules[each.team].due(now_ms).isoformat() + suffix) for each in connections])

    async def write_back_due(self) -> list[WritebackRun]:
        """Each team once whose own schedule says so, outside its blackouts. Raises Unavailable as `write_back` does."""
        return await self._each(await self._due(), by_schedule=True)

    async def _each(self, due: Sequence[tuple[Connection, str]], *, by_schedule: bool = False) -> list[WritebackRun]:
        turns = (self._in_turn(*each, by_schedule=by_schedule) for each in due)
        ended = await asyncio.gather(*turns, return_exceptions=True)
        errors = [each for each in ended if isinstance(each, BaseException)]
        if errors:
            raise next((each for each in errors if not isinstance(each, Unavailable)), errors[0])
        return [each for each in ended if isinstance(each, WritebackRun)]

    async def _in_turn(self, connection: Connection, run_id: str, *, by_schedule: bool) -> WritebackRun | None:
        async with self._turns:
            if by_schedule and not await self._may_begin(connection):
                return None
            return await self._ended(connection, run_id)

    async def _may_begin(self, connection: Connection) -> bool:
        """Asked again when its turn comes: a blackout may have begun while others had theirs."""
        schedules = await patiently(lambda: self._schedules([connection]))
        return begins(schedules[connection.team], connection, self._clock.now_ms())

    async def undo(self, team: str, run_id: str) -> WritebackRun:
        """Put back what a run replaced, where nobody has changed it since. Raises Refused for a run that has not ended.

        What was undone stays so until the score changes again. The same call resumes an undo that was cut off.
        """
        run = (await self._store.writeback_runs.load([(team, run_id)])).get((team, run_id))
        if run is None or run.state == "running":
            raise Refused(
                f"team {team} has no ended run {run_id}: `segment-sync writeback runs {team}` shows what there is"
            )
        if run.planned and not await self._store.writeback_pack_queries.tally(run):
            raise Refused(f"the rows of run {run_id} are not kept any more: what they replaced is not known")
        refuse_other_fields(run, await settings_of(self._store, team))
        return await self._ended(await connection_of(self._store, team), f"{run_id}-undone", undoes=run_id)

    async def _ended(self, connection: Connection, run_id: str, undoes: str | None = None) -> WritebackRun:
        while True:
            run = await self._write_back(connection, run_id, undoes)
            if run.state != "running":
                return run
            await asyncio.sleep(ENDED_LOOK_SECONDS)

    async def _daily(self, stop: asyncio.Event) -> None:
        """Looks go on while runs do: a team whose org is slow or down holds up no other."""
        going_on: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as runs:
            while not stop.is_set():
                going_on = {team: run for team, run in going_on.items() if not run.done()}
                for connection, run_id in await self._due():
                    if connection.team not in going_on:
                        going_on[connection.team] = runs.create_task(self._carry_out(connection, run_id))
                await _pause(stop)
            for run in going_on.values():
                run.cancel()

    async def _tell(self, stop: asyncio.Event) -> None:
        """What runs came to, whoever carried them out: the process of a CronJob is gone before it is asked."""
        while not stop.is_set():
            now_ms = self._clock.now_ms()
            runs = self._store.writeback_run_queries
            totals = await patiently(partial(runs.ended_since, now_ms - DAY_MS))
            tell_day(totals, await patiently(runs.going_on), now_ms)
            await _pause(stop)

    async def _carry_out(self, connection: Connection, run_id: str) -> None:
        """What an org that is down leaves is resumed at a later look."""
        try:
            async with self._turns:
                if await self._may_begin(connection):
                    await self._write_back(connection, run_id)
        except Unavailable as error:
            log.warning("write_back_postponed", team=connection.team, reason=str(error))

    async def _due(self) -> list[tuple[Connection, str]]:
        """Teams whose run of their own latest date is not at its end, with its id: so a quiet minute writes nothing."""
        connections = await patiently(self._store.connection_queries.active)
        await self._retention.sweep(each.team for each in connections)
        schedules = await patiently(lambda: self._schedules(connections))
        now_ms = self._clock.now_ms()
        due = {
            connection.team: schedule.due(now_ms).isoformat()
            for connection in connections
            if (schedule := schedules[connection.team]) and begins(schedule, connection, now_ms)
        }
        runs = await patiently(lambda: self._store.writeback_runs.load(list(due.items())))
        ended = {team for (team, _), run in runs.items() if run.state != "running"}
        return [(each, due[each.team]) for each in connections if each.team in due.keys() - ended]

    async def _schedules(self, connections: Sequence[Connection]) -> dict[str, Schedule]:
        stored = await self._store.writeback_settings.load([(each.team, each.team) for each in connections])
        return {
            each.team: schedule_of(
                stored.get((each.team, each.team)) or WritebackSettings(team=each.team), each.time_zone
            )
            for each in connections
        }

    async def _write_back(self, connection: Connection, run_id: str, undoes: str | None = None) -> WritebackRun:
        """Once per team and run id: whoever creates the run document carries it out, the others see how it stands.

        What Salesforce refuses for good ends the run as failed, with the reason; the other teams' runs go on.
        """
        claim, run = await self._claims.take(connection.team, run_id, undoes)
        if claim is None:
            return run
        async with claim.kept():
            for older in await self._begun_before(run):
                await self._write_back(connection, older)
            try:
                org = self._orgs.org(connection)
                async with self._sharing(connection.team):
                    run = await Runner(self._store, org, self._clock).run(claim)
            except Refused as refusal:
                run = await finish(self._store, claim, self._clock.now_ms(), str(refusal))
        tell_run(run)
        return run

    async def _begun_before(self, run: WritebackRun) -> list[str]:
        """Runs that their own day did not see the end of, as when the org was down: each is carried to its end before
        the next sends anything, so that no job of an older run writes over what a newer one has written."""
        if run.undoes is not None or run.phase != "planning":
            return []
        runs = [each async for each in self._store.writeback_runs.scan(run.team)]
        return [each.run_id for each in runs if each.state == "running" and each.started_at_ms < run.started_at_ms]

    @asynccontextmanager
    async def _sharing(self, team: str) -> AsyncIterator[None]:
        """What others asked of the org today counts against the run's share, and what it asks against theirs."""
        await share(self._orgs.meters(), self._store.api_usage, team)
        try:
            yield
        finally:
            await share(self._orgs.meters(), self._store.api_usage, team)


async def _pause(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), LOOK_SECONDS)


def begins(schedule: Schedule, connection: Connection, now_ms: int) -> bool:
    """Whether a run may begin now: outside blackouts, and not for a date before the team was connected."""
    return not schedule.blacked_out(now_ms) and schedule.moment_ms(schedule.due(now_ms)) >= connection.connected_at_ms


def refuse_other_fields(run: WritebackRun, settings: WritebackSettings) -> None:
    """What a run replaced belongs into the fields that it wrote."""
    for part in run.parts.values():
        if part.fields != fields_of(settings, part.entity):
            raise Refused(
                f"run {run.run_id} wrote {part.entity}s to {part.fields.score} and {part.fields.date}, and other "
                f"fields are named now. To undo it, name these again: `segment-sync writeback fields {run.team} "
                f"{part.entity} --score {part.fields.score} --date {part.fields.date}`"
            )
