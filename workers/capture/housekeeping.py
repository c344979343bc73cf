"""Once a minute, for all teams of the process together: count, tell, check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

import structlog

from schemas.documents import Connection
from workers.capture import metrics
from workers.core.capture.channel_status import TOLD_EVERY_MS, ChannelStatus
from workers.ports import Clock, SalesforceOrgs, Store, Unavailable
from workers.runtime.capture_status import keep_channels, keep_checks
from workers.runtime.preflight import check
from workers.runtime.usage import flush

log = structlog.get_logger()

FIRST_SECONDS = 10.0
"""Shards are assigned and sessions begun by then: whoever has just connected a team wants to know."""
ROUND_SECONDS = 60.0
PROGRESS_MS = 15 * 60 * 1000
"""How old the confirmed moments of a status may be when nothing else has changed: a write for each team."""
CHECK_MS = 24 * 60 * 60 * 1000
CHECKS_PER_ROUND = 20
"""Some ten calls each: a worker that takes over 1,000 teams spreads them over an hour."""


class Housekeeping:
    def __init__(
        self,
        store: Store,
        orgs: SalesforceOrgs,
        clock: Clock,
        connections: Callable[[], Sequence[Connection]],
        statuses: Callable[[], Iterable[ChannelStatus]],
    ) -> None:
        self._store = store
        self._orgs = orgs
        self._clock = clock
        self._connections = connections
        self._statuses = statuses
        self._kept: dict[str, tuple[int, tuple[ChannelStatus, ...]]] = {}
        self._checked_ms: dict[str, int] = {}

    async def run(self) -> None:
        """For ever. A round that the store or an org fails is made up for by the next."""
        pause_seconds = FIRST_SECONDS
        while True:
            await asyncio.sleep(pause_seconds)
            pause_seconds = ROUND_SECONDS
            try:
                await self.round()
            except Unavailable as error:
                metrics.STORE_ERRORS.inc()
                log.warning("housekeeping interrupted", detail=str(error))

    async def round(self) -> None:
        """Raises Unavailable; what was done until then stays done."""
        metrics.tell_channels(self._statuses(), self._clock.now_ms())
        metrics.BUDGETS_USED_UP.set(sum(meter.background_calls_left() == 0 for meter in self._orgs.meters()))
        await flush(self._orgs.meters(), self._store.api_usage)
        await self._tell()
        await self._check()

    async def _tell(self) -> None:
        now_ms = self._clock.now_ms()
        for team, channels in groupby(sorted(self._statuses(), key=attrgetter("team", "entity")), attrgetter("team")):
            told = tuple(channels)
            kept_ms, kept = self._kept.get(team, (0, ()))
            age_ms = now_ms - kept_ms
            if _news(kept, told) or (told != kept and age_ms >= PROGRESS_MS) or age_ms >= TOLD_EVERY_MS:
                await keep_channels(self._store, team, told, now_ms)
                self._kept[team] = (now_ms, told)

    async def _check(self) -> None:
        connections = {connection.team: connection for connection in self._connections()}
        await self._learn_when_checked([team for team in connections if team not in self._checked_ms])
        now_ms = self._clock.now_ms()
        due = [team for team in connections if now_ms - self._checked_ms[team] >= CHECK_MS]
        for team in due[:CHECKS_PER_ROUND]:
            self._checked_ms[team] = now_ms
            await self._check_one(connections[team])

    async def _learn_when_checked(self, teams: Sequence[str]) -> None:
        stored = await self._store.capture_status.load([(team, team) for team in teams])
        for team in teams:
            status = stored.get((team, team))
            self._checked_ms[team] = (status.checked_at_ms if status else None) or 0

    async def _check_one(self, connection: Connection) -> None:
        try:
            found = await check(self._store, self._orgs.org(connection), connection.team)
        except Unavailable as error:
            # An org that is down is tried again tomorrow; its session says that it is down.
            log.warning("connection not checked", team=connection.team, detail=str(error))
            return
        await keep_checks(self._store, connection.team, found, self._clock.now_ms())


def _news(kept: tuple[ChannelStatus, ...], told: tuple[ChannelStatus, ...]) -> bool:
    """Whether more has changed than the confirmed moments of quiet streams."""
    return [_shown(channel) for channel in kept] != [_shown(channel) for channel in told]


def _shown(channel: ChannelStatus) -> ChannelStatus:
    return channel if channel.polling else replace(channel, confirmed_ms=None)
