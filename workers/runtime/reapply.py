"""Has stored records evaluated again: after a rule set was edited, until none is left behind, and when a day begins on
which a relative date of some list may let them enter or leave."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from schemas.documents import RuleSet
from schemas.events import Entity, Reevaluation
from workers.ports import Clock, Publisher, Store
from workers.runtime.retry import patiently
from workers.runtime.rule_jobs import note_applied, note_progress
from workers.runtime.sieve import Sieve

PAGE = 2000
"""Records looked at in one go, and commands in flight, per team: half a second of routing's work."""

TEAMS = 100
"""Teams looked at in one go; the next look takes the next ones."""

IDLE_SECONDS = 1.0
"""Between two looks when nothing is due: one indexed query for all teams together."""

BUSY_SECONDS = 0.2
"""Between two looks while most of a page is underway: 10,000 could be commanded a second, more than are done."""

PATIENT_LOOKS = 150
"""Looks (30 s) without any progress until the same records are commanded once more."""


@dataclass(slots=True)
class _Underway:
    """What was commanded of a team's records and is not yet seen done."""

    version: int
    records: frozenset[str] = frozenset()
    looks: int = 0


class Reapplier:
    """Every routing process may have one: a command given twice changes nothing."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher
        self._sieve = Sieve(store)
        self._underway: dict[str, _Underway] = {}

    async def look(self, now_ms: int) -> float | None:
        """Take a page of each team that is left behind.

        Returns for how many seconds to leave them alone, None when there are none.
        """
        due = await self._store.rule_set_queries.unapplied(limit=TEAMS)
        taken = [await self.page(rule_set, now_ms) for rule_set in due]
        if not due:
            return None
        return 0.0 if max(taken) >= PAGE // 2 else BUSY_SECONDS

    async def page(self, rule_set: RuleSet, now_ms: int) -> int:
        """Sift what has come into the page of records left behind, and command the rest of it; or note that there are
        none left. Returns how many came.

        An evaluation that began under the old version looks at the version again after its write (`Applier`), so a
        record written late is never left behind unseen. A lost swap means that the rule set was edited again: the next
        look begins anew.
        """
        behind = await self._store.record_queries.older_than(rule_set.team, rule_set.version, PAGE)
        if not behind:
            self._underway.pop(rule_set.team, None)
            await note_applied(self._store, rule_set, now_ms)
            await self._store.rule_sets.swap([rule_set.model_copy(update={"applied_version": rule_set.version})])
            return 0
        await note_progress(self._store, rule_set, now_ms)
        known = self._known(rule_set, {record_id for _, record_id in behind})
        news = [each for each in behind if each[1] not in known.records]
        concerned = await self._sieve.sift(rule_set.team, [record_id for _, record_id in news], now_ms)
        if commanded := [each for each in news if each[1] in concerned]:
            await self._publisher.reevaluations(
                [command(rule_set.team, each, rule_set.version, "rules") for each in commanded]
            )
        known.records |= concerned
        self._underway[rule_set.team] = known
        return len(news)

    def _known(self, rule_set: RuleSet, behind: set[str]) -> _Underway:
        """Of those left behind, which are underway; none, when nothing has moved for long."""
        before = self._underway.get(rule_set.team)
        if before is None or before.version != rule_set.version or before.looks >= PATIENT_LOOKS:
            return _Underway(rule_set.version)
        stuck = before.records == behind
        return _Underway(rule_set.version, before.records & behind, before.looks + 1 if stuck else 0)


async def reapply(
    store: Store, publisher: Publisher, clock: Clock, stop: asyncio.Event, pace_seconds: float = IDLE_SECONDS
) -> None:
    """Run until `stop`."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_reapply_rules(store, publisher, clock, stop, pace_seconds))
        tasks.create_task(_reapply_dates(store, publisher, clock, stop, pace_seconds))


async def _reapply_rules(
    store: Store, publisher: Publisher, clock: Clock, stop: asyncio.Event, pace_seconds: float
) -> None:
    reapplier = Reapplier(store, publisher)
    while not stop.is_set():
        busy_seconds = await patiently(lambda: reapplier.look(clock.now_ms()))
        await _pause(stop, pace_seconds if busy_seconds is None else min(busy_seconds, pace_seconds))


async def _reapply_dates(
    store: Store, publisher: Publisher, clock: Clock, stop: asyncio.Event, pace_seconds: float
) -> None:
    while not stop.is_set():
        await patiently(lambda: reapply_dates(store, publisher, clock.now_ms()))
        await _pause(stop, pace_seconds)


async def reapply_dates(store: Store, publisher: Publisher, now_ms: int) -> None:
    """Command one page of the records of all teams whose day has come; evaluating one moves its moment on."""
    due = await store.record_queries.due_by_date(now_ms, PAGE)
    if due:
        await publisher.reevaluations(
            [command(each.team, (each.entity, each.record_id), each.rule_set_version, "date") for each in due]
        )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def command(team: str, record: tuple[Entity, str], version: int, reason: Literal["rules", "date"]) -> Reevaluation:
    entity, record_id = record
    return Reevaluation(team=team, entity=entity, record_id=record_id, reason=reason, rule_set_version=version)
