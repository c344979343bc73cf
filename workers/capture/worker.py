"""The capture process: the shards it owns, the teams that are connected, one session for each of those."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress

import structlog

from schemas.documents import Connection
from workers.capture import metrics
from workers.capture.housekeeping import Housekeeping
from workers.capture.lists.schedule import ListSchedule
from workers.capture.noticed.bell import Bells
from workers.capture.noticed.board import JobBoard
from workers.capture.noticed.roster import Roster
from workers.capture.pace import Backoff, Pace
from workers.capture.shard import OpenLog, Shard
from workers.core.capture.channel_status import ChannelStatus
from workers.ports import Clock, Fenced, Publisher, SalesforceOrgs, ShardOwnership, Store, Unavailable

log = structlog.get_logger()

STOP_SECONDS = 5.0


class Capture:
    """Captures every active connection whose shard this process owns."""

    def __init__(
        self,
        store: Store,
        orgs: SalesforceOrgs,
        open_log: OpenLog,
        ownership: ShardOwnership,
        clock: Clock,
        publisher: Publisher,
        pace: Pace | None = None,
    ) -> None:
        self._store = store
        self._orgs = orgs
        self._open_log = open_log
        self._ownership = ownership
        self._clock = clock
        self._pace = pace or Pace()
        self._publisher = publisher
        self._board = JobBoard()
        self._bells = Bells()
        self._roster = Roster(store)
        self._owned: frozenset[int] | None = None
        self._held_until: dict[int, float] = {}
        self._shards: dict[int, tuple[Shard, asyncio.Task[None]]] = {}
        self._look = asyncio.Event()
        self._lists = ListSchedule(store, clock, self._pace, self._captured)
        self._housekeeping = Housekeeping(store, orgs, clock, self._captured, self.statuses)

    @property
    def ready(self) -> bool:
        """Whether the shards are known that this process owns, be it none."""
        return self._owned is not None

    def statuses(self) -> Iterator[ChannelStatus]:
        """Of every channel of every team that is captured here."""
        for shard, _ in self._shards.values():
            yield from shard.statuses()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then everything is closed within STOP_SECONDS. Raises what nobody expects."""
        work = asyncio.create_task(self._run())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        work.cancel()
        await asyncio.wait({work}, timeout=STOP_SECONDS)
        if work.done() and not work.cancelled():
            work.result()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_ownership())
            tasks.create_task(self._housekeeping.run())
            tasks.create_task(self._lists.run())
            while True:
                await self._keep_shards(tasks)
                # Not wait_for: before Python 3.12 it may swallow a cancellation.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.connections_seconds):
                        await self._look.wait()
                self._look.clear()

    def _captured(self) -> list[Connection]:
        return [connection for number in self._shards for connection in self._roster.of(number).values()]

    async def _watch_ownership(self) -> None:
        backoff = Backoff.of(self._pace)
        while True:
            try:
                async for owned in self._ownership.assignments():
                    backoff.reset()
                    self._assigned(owned)
            except Unavailable as error:
                # What is owned stays: the change logs tell when it is somebody else's.
                metrics.RECONNECTS.labels("ownership").inc()
                log.warning("shard ownership lost", detail=str(error))
            await backoff.pause()

    def _assigned(self, owned: frozenset[int]) -> None:
        log.info("shards assigned", shards=len(owned))
        metrics.SHARDS.set(len(owned))
        self._owned = owned
        self._held_until.clear()
        self._look.set()

    async def _keep_shards(self, tasks: asyncio.TaskGroup) -> None:
        """Start, tell and stop shards so that they match what is owned and connected."""
        try:
            await self._roster.look()
            self._board.post(await self._store.job_queries.open())
            self._bells.questions.ring(await self._store.record_queries.asking_teams())
            self._bells.deletions.ring(await self._store.record_queries.unasked_teams())
        except Unavailable as error:
            # Sessions go on with what is known: capture needs MongoDB only to learn of teams that come and go.
            metrics.STORE_ERRORS.inc()
            log.warning("connections not read", detail=str(error))
        wanted = self._by_shard()
        await self._stop([number for number in self._shards if number not in wanted])
        for number, teams in wanted.items():
            if number not in self._shards:
                self._start(number, tasks)
            self._shards[number][0].want(teams)

    def _by_shard(self) -> dict[int, Mapping[str, Connection]]:
        now = asyncio.get_running_loop().time()
        free = [number for number in self._owned or () if self._held_until.get(number, 0.0) <= now]
        return {number: teams for number in free if (teams := self._roster.of(number))}

    def _start(self, number: int, tasks: asyncio.TaskGroup) -> None:
        shard = Shard(
            number,
            self._open_log,
            self._orgs,
            self._store,
            self._clock,
            self._pace,
            self._publisher,
            self._board,
            self._bells,
        )
        self._shards[number] = (shard, tasks.create_task(self._run_shard(shard)))

    async def _run_shard(self, shard: Shard) -> None:
        try:
            await shard.run()
        except Fenced as error:
            metrics.FENCED.inc()
            log.warning("shard fenced", shard=shard.number, detail=str(error))
            self._held_until[shard.number] = asyncio.get_running_loop().time() + self._pace.fenced_seconds
            if self._shards.get(shard.number, (None,))[0] is shard:
                del self._shards[shard.number]

    async def _stop(self, numbers: list[int]) -> None:
        tasks = [self._shards.pop(number)[1] for number in numbers]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
