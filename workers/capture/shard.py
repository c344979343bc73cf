"""One shard: its change log, opened with its first team, and a session for each of its teams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import structlog

from schemas.documents import Connection
from schemas.events import ENTITIES
from workers.capture import metrics
from workers.capture.committer import Committer
from workers.capture.context import Context
from workers.capture.failures import raise_decisive
from workers.capture.noticed.bell import Bells
from workers.capture.noticed.board import JobBoard
from workers.capture.pace import Backoff, Pace
from workers.capture.session import Session, same_connection
from workers.core.capture.channel_status import ChannelStatus
from workers.ports import ChangeLog, Clock, Publisher, SalesforceOrgs, Store, Unavailable

log = structlog.get_logger()

OpenLog: TypeAlias = Callable[[int], Awaitable[ChangeLog]]

CLOSE_SECONDS = 4.0
"""For a session to leave Salesforce. What it cannot do by then it need not: the server forgets silent clients."""


@dataclass(slots=True)
class _Running:
    session: Session
    task: asyncio.Task[int]


class Shard:
    def __init__(
        self,
        number: int,
        open_log: OpenLog,
        orgs: SalesforceOrgs,
        store: Store,
        clock: Clock,
        pace: Pace,
        publisher: Publisher,
        board: JobBoard,
        bells: Bells,
    ) -> None:
        self.number = number
        self._open_log = open_log
        self._orgs = orgs
        self._store = store
        self._clock = clock
        self._pace = pace
        self._publisher = publisher
        self._board = board
        self._bells = bells
        self._wanted: Mapping[str, Connection] = {}
        self._running: dict[str, _Running] = {}
        self._stalled: list[ChannelStatus] = []
        """Of all channels, while there is no change log to write to."""
        self._changed = asyncio.Event()

    def want(self, teams: Mapping[str, Connection]) -> None:
        """The teams to capture from now on."""
        self._wanted = teams
        self._changed.set()

    def statuses(self) -> Iterator[ChannelStatus]:
        """Of every channel of every team that has a session, or would have one if Kafka could be written to."""
        yield from self._stalled
        for running in self._running.values():
            yield from running.session.status()

    async def run(self) -> None:
        """For ever. Raises Fenced when another worker has taken the shard over, and what nobody expects."""
        backoff = Backoff.of(self._pace)
        while True:
            with backoff.healthy_after(self._pace.healthy_seconds):
                try:
                    await self._capture()
                except Unavailable as error:
                    self._lost(str(error))
            await backoff.pause()

    def _lost(self, reason: str) -> None:
        metrics.RECONNECTS.labels("change log").inc()
        log.warning("change log lost", shard=self.number, detail=reason)
        now_ms = self._clock.now_ms()
        last = {(status.team, status.entity): status for status in self.statuses()}
        self._running = {}
        self._stalled = [
            replace(
                last.get((team, entity)) or ChannelStatus(team, entity, "stalled", now_ms),
                state="stalled",
                since_ms=now_ms,
                reason=reason,
            )
            for team in self._wanted
            for entity in ENTITIES
        ]

    async def _capture(self) -> None:
        change_log = await self._open_log(self.number)
        try:
            committer = Committer(change_log, await change_log.positions())
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(committer.run())
                context = Context(
                    self._orgs,
                    committer,
                    self._store,
                    self._clock,
                    self._pace,
                    self._publisher,
                    self._board,
                    self._bells,
                )
                await self._keep_sessions(tasks, context)
        except BaseExceptionGroup as group:
            raise_decisive(group)
        finally:
            await change_log.close()

    async def _keep_sessions(self, tasks: asyncio.TaskGroup, context: Context) -> None:
        running = self._running = {}
        self._stalled = []
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            ended = {team: r for team, r in running.items() if _is_over(r, self._wanted.get(team))}
            for team in ended:
                del running[team]
            await _cancel([r.task for r in ended.values()])
            for team, connection in self._wanted.items():
                if team in running:
                    running[team].session.connection = connection
                else:
                    session = Session(connection, context)
                    running[team] = _Running(session, tasks.create_task(session.run()))


def _is_over(running: _Running, wanted: Connection | None) -> bool:
    """Whether a session must end or give way to a new one."""
    if wanted is None:
        return True
    if running.task.done():
        # Ended because a person must act. What was read before that is no news; a later revision is.
        return wanted.rev > running.task.result()
    return not same_connection(running.session.connection, wanted)


async def _cancel(tasks: list[asyncio.Task[int]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
