"""Has the lists of all teams of the process compared with their orgs, each once in an interval."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable, Sequence, Set

import structlog

from schemas.documents import Connection, Job, ListDefinition, RuleSet
from workers.capture import metrics
from workers.capture.noticed.looks import Looks
from workers.capture.pace import Pace
from workers.core.lists.comparing import comparison_id
from workers.core.lists.predicates import UnsupportedCondition
from workers.core.lists.scheduling import lists_in_use, next_comparison_ms, pause_ms
from workers.ports import Clock, Store, Unavailable
from workers.runtime.lists import ask_for_comparison, evaluated_by_org

log = structlog.get_logger()

TEAMS_AT_ONCE = 50
"""Rule sets loaded together: some tens of kilobytes each."""


class ListSchedule:
    """One queue for all teams; what is in it follows from the documents, so that any process can make it again."""

    def __init__(self, store: Store, clock: Clock, pace: Pace, captured: Callable[[], Sequence[Connection]]) -> None:
        self._store = store
        self._clock = clock
        self._pace = pace
        self._captured = captured
        self._looks = Looks(store)
        self._looked_at: Set[str] = frozenset()
        self._versions: dict[str, int] = {}
        self._lists: dict[tuple[str, str], tuple[int, ListDefinition]] = {}
        """By (team, list id): when it is due, and what it is."""
        self._queue: list[tuple[int, str, str]] = []

    async def run(self) -> None:
        """For ever. A round that the store fails is made up for by the next."""
        while True:
            try:
                await self.round()
            except Unavailable as error:
                metrics.STORE_ERRORS.inc()
                log.warning("comparisons of lists not scheduled", detail=str(error))
            await asyncio.sleep(self._pace.lists_seconds)

    async def round(self) -> None:
        """Raises Unavailable."""
        teams = {connection.team for connection in self._captured()}
        self._forget({team for team, _ in self._lists} - teams)
        async with self._looks.look() as since:
            news = await self._edited(teams, since)
            for start in range(0, len(news), TEAMS_AT_ONCE):
                await self._plan(news[start : start + TEAMS_AT_ONCE])
            self._looked_at = teams
        await self._post_due()

    async def _edited(self, teams: Set[str], since: int | None) -> list[str]:
        """Teams with other rules than were planned for."""
        queries = self._store.rule_set_queries
        versions = {} if since is None else await queries.written_since(since)
        if unknown := teams if since is None else teams - self._looked_at:
            versions |= await queries.versions(unknown)
        return [team for team, version in versions.items() if team in teams and self._versions.get(team) != version]

    def _forget(self, teams: set[str]) -> None:
        for team in teams:
            self._versions.pop(team, None)
        self._lists = {key: planned for key, planned in self._lists.items() if key[0] not in teams}

    async def _plan(self, teams: Sequence[str]) -> None:
        rule_sets = await self._store.rule_sets.load([(team, team) for team in teams])
        in_use = {team: lists_in_use(rule_set) for (team, _), rule_set in rule_sets.items()}
        jobs = await self._store.jobs.load([(team, comparison_id(each)) for team in in_use for each in in_use[team]])
        for (team, _), rule_set in rule_sets.items():
            self._forget({team})
            for list_id, since_ms in in_use[team].items():
                last = jobs.get((team, comparison_id(list_id)))
                self._put(rule_set, list_id, self._due_ms(rule_set.lists[list_id], since_ms, last))
            self._versions[team] = rule_set.version

    def _due_ms(self, definition: ListDefinition, since_ms: int, last: Job | None) -> int:
        now_ms = self._clock.now_ms()
        drawn = random.random()  # noqa: S311 - spreads load, guards nothing
        return next_comparison_ms(
            since_ms, last, self._interval_ms, drawn, now_ms, by_org=_only_by_org(definition, now_ms)
        )

    @property
    def _interval_ms(self) -> int:
        return round(self._pace.list_interval_seconds * 1000)

    def _put(self, rule_set: RuleSet, list_id: str, due_ms: int) -> None:
        self._lists[rule_set.team, list_id] = (due_ms, rule_set.lists[list_id])
        heapq.heappush(self._queue, (due_ms, rule_set.team, list_id))

    async def _post_due(self) -> None:
        now_ms = self._clock.now_ms()
        while self._queue and self._queue[0][0] <= now_ms:
            due_ms, team, list_id = self._queue[0]
            planned = self._lists.get((team, list_id))
            if planned is None or planned[0] != due_ms:  # planned anew, or in use no longer
                heapq.heappop(self._queue)
                continue
            await ask_for_comparison(self._store.jobs, team, planned[1], now_ms)
            drawn = random.random()  # noqa: S311 - spreads load, guards nothing
            next_ms = now_ms + pause_ms(self._interval_ms, drawn)
            self._lists[team, list_id] = (next_ms, planned[1])
            heapq.heapreplace(self._queue, (next_ms, team, list_id))


def _only_by_org(definition: ListDefinition, now_ms: int) -> bool:
    try:
        return evaluated_by_org(definition, now_ms)
    except UnsupportedCondition:  # its comparison says so in the rule
        return False
