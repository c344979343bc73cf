"""One team's session: drives the machine that decides, until a person must act."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from functools import partial

import structlog

from schemas.documents import Connection
from schemas.events import ENTITIES, Entity
from workers.capture import metrics
from workers.capture.committer import Move, Submission
from workers.capture.context import Context
from workers.capture.failures import raise_decisive
from workers.capture.lists.asker import Asker
from workers.capture.mirror.pollers import Pollers
from workers.capture.mirror.readings import Readings
from workers.capture.mirror.survivors import SurvivorAsker
from workers.capture.mirror.upkeep import Upkeep
from workers.capture.pace import Backoff
from workers.capture.requested.jobs import Jobs
from workers.capture.stream.attempt import Attempt
from workers.capture.stream.stuck import watch_progress
from workers.capture.stream.vitals import Vitals
from workers.core.capture.channel_status import ChannelStatus, SessionState
from workers.core.capture.session_machine import (
    Action,
    ChannelsDue,
    Connect,
    Ended,
    Forget,
    GiveUp,
    Happening,
    Leave,
    Machine,
    Poll,
    Refusal,
    Subscribed,
    TryChannelsAfter,
    Wait,
    Waited,
    channel_state,
    step,
)
from workers.ports import Refused, StreamEnded, Unavailable
from workers.runtime.capture_status import keep_channels

log = structlog.get_logger()


class _Left(Exception):
    """The machine wants the attempt to end, and what then."""

    def __init__(self, actions: tuple[Action, ...]) -> None:
        self.actions = actions


class Session:
    def __init__(self, connection: Connection, context: Context) -> None:
        self.connection = connection
        """Replaced by whoever owns the session when the document changes; the next attempt uses it."""
        self._team = connection.team
        self._context = context
        self._machine = Machine()
        self._since_ms = context.clock.now_ms()
        self._reconnects = 0
        self._vitals = Vitals()
        self._readings: Readings | None = None
        self._pollers: Pollers | None = None

    @property
    def state(self) -> SessionState:
        return self._machine.state

    def status(self) -> list[ChannelStatus]:
        """Of each channel, as of now."""
        return [self._status(entity) for entity in ENTITIES]

    async def run(self) -> int:
        """Until cancelled, or a person must act: then the revision of the connection document that says so.

        Whatever may heal is tried again for ever. Raises only what nobody expects.
        """
        metrics.SESSIONS.labels(self.state).inc()
        try:
            async with asyncio.TaskGroup() as tasks:
                org = self._context.orgs.org(self.connection)
                readings = self._readings = Readings(self._team, org, self._context, tasks)
                self._pollers = Pollers(tasks, readings)
                asker = Asker(readings)
                routines = (
                    Jobs(readings, asker).run(),
                    asker.run(),
                    SurvivorAsker(readings).run(),
                    Upkeep(readings).run(),
                )
                beside = [tasks.create_task(routine) for routine in routines]
                try:
                    return await self._drive(self._pollers, readings)
                finally:
                    self._pollers.keep(frozenset())
                    readings.close()
                    for task in beside:
                        task.cancel()
        except BaseExceptionGroup as group:
            raise_decisive(group)
        finally:
            metrics.SESSIONS.labels(self.state).dec()

    async def _drive(self, pollers: Pollers, readings: Readings) -> int:
        actions: tuple[Action, ...] = (Connect(),)
        while True:
            doing, actions = actions, ()
            for action in doing:
                match action:
                    case Connect():
                        actions = await self._attempt(pollers, readings)
                    case Wait():
                        await self._pause(action)
                        actions = self._step(Waited())
                    case Poll(entities=entities):
                        pollers.keep(entities)
                    case Forget(entities=entities):
                        await self._forget(entities)
                    case GiveUp(state=state, reason=reason):
                        return await self._give_up(state, reason)
                    case Leave() | TryChannelsAfter():
                        pass  # the attempt has done so

    async def _attempt(self, pollers: Pollers, readings: Readings) -> tuple[Action, ...]:
        """Connect and stay connected. What to do next; raises what nobody expects."""
        try:
            await self._stream(pollers, readings)
            raise AssertionError("an attempt ends with an exception")
        except _Left as left:
            return left.actions
        except StreamEnded as ended:
            return self._step(Ended(ended.trouble, str(ended), ended.entities))
        except Refused as refused:
            return self._step(Ended("refused", str(refused)))
        except Unavailable as error:
            return self._step(Ended("network", str(error)))

    async def _stream(self, pollers: Pollers, readings: Readings) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watch_progress(self._team, readings.org, self._vitals, self._context.pace))
                attempt = Attempt(self.connection, self._context, readings, self._vitals)
                await attempt.run(on_subscribed=partial(self._subscribed, tasks, pollers))
        except BaseExceptionGroup as group:
            raise_decisive(group)

    def _subscribed(self, tasks: asyncio.TaskGroup, pollers: Pollers, refused: Mapping[Entity, Refusal]) -> None:
        actions = self._step(Subscribed(refused))
        if Leave() in actions:
            raise _Left(actions)
        for action in actions:
            if isinstance(action, Poll):
                pollers.keep(action.entities)
            elif isinstance(action, TryChannelsAfter):
                tasks.create_task(self._try_channels(action.wait))

    async def _try_channels(self, wait: Wait) -> None:
        await self._pause(wait)
        raise _Left(self._step(ChannelsDue()))

    async def _pause(self, wait: Wait) -> None:
        """Full jitter, in the pace of the process: tests are quicker."""
        drawn_seconds = random.uniform(0, wait.jitter_seconds)  # noqa: S311 - spreads load, guards nothing
        await asyncio.sleep(self._context.pace.scale * (wait.least_seconds + drawn_seconds))

    async def _forget(self, entities: frozenset[Entity]) -> None:
        """Events may be lost for good: what changed since the last confirmed moment is read by queries instead."""
        await self._context.committer.settled(self._team)
        moves = tuple(Move(entity, forget_replay_id=True) for entity in sorted(entities))
        await self._context.committer.commit(Submission(self._team, moves=moves))

    async def _give_up(self, state: SessionState, reason: str) -> int:
        log.error("session given up", team=self._team, state=state, reason=reason)
        await self._context.committer.settled(self._team)
        backoff = Backoff.of(self._context.pace)
        while True:
            try:
                # Before the mark, after which nobody asks this session any more.
                await keep_channels(self._context.store, self._team, self.status(), self._context.clock.now_ms())
                revision = await self._mark(state, reason)
            except Unavailable:
                metrics.STORE_ERRORS.inc()
                revision = None
            if revision is not None:
                return revision
            await backoff.pause()

    async def _mark(self, state: SessionState, reason: str) -> int | None:
        """Say in the connection what a person must do. None: somebody else wrote at the same time."""
        key = (self._team, self._team)
        stored = (await self._context.store.connections.load([key])).get(key)
        if stored is None or not same_connection(stored, self.connection):
            return self.connection.rev
        if stored.state != "active":
            return stored.rev
        update = {"state": "parked" if state == "parked" else "needs_reconnect", "detail": reason}
        marked = stored.model_copy(update=update)
        return None if await self._context.store.connections.swap([marked]) else stored.rev + 1

    def _step(self, happened: Happening) -> tuple[Action, ...]:
        before = self.state
        self._machine, actions = step(self._machine, happened, asyncio.get_running_loop().time())
        if isinstance(happened, Ended):
            self._reconnects += 1
            metrics.RECONNECTS.labels(happened.trouble).inc()
            log.warning("session ended", team=self._team, trouble=happened.trouble, reason=happened.reason)
        if self.state != before:
            self._since_ms = self._context.clock.now_ms()
            metrics.SESSIONS.labels(before).dec()
            metrics.SESSIONS.labels(self.state).inc()
        return actions

    def _status(self, entity: Entity) -> ChannelStatus:
        state, reason = channel_state(self._machine, entity)
        since_ms, refusal = self._since_ms, self._readings.refusals.get(entity) if self._readings else None
        if refusal is not None and state == "streaming":
            state, since_ms, reason = "forbidden", refusal.since_ms, refusal.reason
        elif refusal is not None:
            reason = f"{reason}; queries are refused as well: {refusal.reason}"
        position = self._context.committer.committed(self._team, entity)
        return ChannelStatus(
            self._team,
            entity,
            state,
            since_ms,
            reason,
            polling=self._pollers is not None and entity in self._pollers.entities,
            confirmed_ms=position.confirmed_ms if position else None,
            lag_ms=self._vitals.lag_ms.get(entity),
            waiting=self._vitals.handling[entity] + self._context.committer.waiting(self._team)[entity],
            parked=self._vitals.parked[entity],
            reconnects=self._reconnects,
        )


def same_connection(one: Connection, other: Connection) -> bool:
    """Whether both are one authorisation of one org. Tokens and state may differ: a session goes on."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("org_id", "instance_url", "login_url", "client_id", "grant", "connected_at_ms")
    )
