"""One team's session: connected, or waiting to be, until a person must act."""

from __future__ import annotations

import asyncio
from typing import Literal, TypeAlias

import structlog

from schemas.documents import Connection
from workers.capture import metrics
from workers.capture.attempt import Attempt
from workers.capture.committer import Move, Submission
from workers.capture.context import Context
from workers.capture.failures import raise_decisive
from workers.capture.pace import Backoff
from workers.capture.progress import ImportProgress
from workers.core.positions import PENDING
from workers.ports import Refused, ReplayRefused, Unavailable

log = structlog.get_logger()

State: TypeAlias = Literal["connecting", "streaming", "waiting"]


class Session:
    def __init__(self, connection: Connection, context: Context) -> None:
        self.connection = connection
        """Replaced by whoever owns the session when the document changes; the next attempt uses it."""
        self.state: State = "connecting"
        self._team = connection.team
        self._context = context

    async def run(self) -> int:
        """Until cancelled, or a person must act: then the revision of the connection document that says so.

        Whatever may heal is tried again for ever. Raises only what nobody expects.
        """
        metrics.SESSIONS.labels(self.state).inc()
        try:
            return await self._run()
        finally:
            metrics.SESSIONS.labels(self.state).dec()

    async def _run(self) -> int:
        backoff = Backoff.of(self._context.pace)
        while True:
            with backoff.healthy_after(self._context.pace.healthy_seconds):
                try:
                    await self._attempt()
                except Refused as error:
                    return await self._give_up(str(error))
                except ReplayRefused as error:
                    await self._forget(error)
                except Unavailable as error:
                    self._interrupted("unavailable", str(error))
            self._enter("waiting")
            await backoff.pause()
            self._enter("connecting")

    async def _attempt(self) -> None:
        """Connect and stay connected. Raises Refused, ReplayRefused or Unavailable, or what nobody expects."""
        context = self._context
        try:
            async with asyncio.TaskGroup() as tasks:
                progress = ImportProgress(context.store.jobs, self._team, context.clock, context.pace)
                tasks.create_task(progress.run())
                attempt = Attempt(self.connection, context, tasks, progress)
                await attempt.run(on_subscribed=lambda: self._enter("streaming"))
        except BaseExceptionGroup as group:
            raise_decisive(group)

    async def _forget(self, error: ReplayRefused) -> None:
        """Events may be lost for good: subscribe to new ones, and read everything again."""
        self._interrupted("replay refused", str(error))
        await self._context.committer.settled(self._team)
        moves = tuple(Move(entity, snapshot=PENDING, forget_replay_id=True) for entity in sorted(error.entities))
        await self._context.committer.commit(Submission(self._team, moves=moves))

    async def _give_up(self, detail: str) -> int:
        log.error("connection refused", team=self._team, detail=detail)
        backoff = Backoff.of(self._context.pace)
        while True:
            try:
                revision = await self._mark(detail)
            except Unavailable:
                metrics.STORE_ERRORS.inc()
                revision = None
            if revision is not None:
                return revision
            await backoff.pause()

    async def _mark(self, detail: str) -> int | None:
        """Say in the connection that it must be connected anew. None: somebody else wrote at the same time."""
        key = (self._team, self._team)
        stored = (await self._context.store.connections.load([key])).get(key)
        if stored is None or not same_connection(stored, self.connection):
            return self.connection.rev
        if stored.state != "active":
            return stored.rev
        marked = stored.model_copy(update={"state": "needs_reconnect", "detail": detail})
        return None if await self._context.store.connections.swap([marked]) else stored.rev + 1

    def _enter(self, state: State) -> None:
        metrics.SESSIONS.labels(self.state).dec()
        metrics.SESSIONS.labels(state).inc()
        self.state = state

    def _interrupted(self, reason: str, detail: str) -> None:
        metrics.RECONNECTS.labels(reason).inc()
        log.warning("session interrupted", team=self._team, reason=reason, detail=detail)


def same_connection(one: Connection, other: Connection) -> bool:
    """Whether both are one authorisation of one org. Tokens and state may differ: a session goes on."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("org_id", "instance_url", "login_url", "client_id", "grant", "connected_at_ms")
    )
