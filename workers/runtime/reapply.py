"""Has stored records evaluated again: after a rule set was edited, until none is left behind, and when a day begins on
which a relative date of some list may let them enter or leave."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.documents import RuleSet
from schemas.events import Entity, Reevaluation
from workers.ports import Clock, Publisher, Store
from workers.runtime.retry import patiently
from workers.runtime.rule_jobs import note_applied, note_progress

PAGE = 2000
"""Commands in flight per team: half a second of routing's work."""

TEAMS = 100
"""Teams looked at in one go; the next look takes the next ones."""

IDLE_SECONDS = 1.0
"""Between two looks when nothing is due: one indexed query for all teams together."""

BUSY_SECONDS = 0.2
"""Between two looks while records are left behind: 10,000 of a team could be commanded a second, more than are done."""

PATIENT_LOOKS = 150
"""Looks (30 s) without any progress until the same records are commanded once more."""


@dataclass(slots=True)
class _Sent:
    version: int
    records: frozenset[str]
    looks: int = 0


class Sent:
    """What this process has commanded and not yet seen done, by team."""

    def __init__(self) -> None:
        self._by_team: dict[str, _Sent] = {}

    def news(self, rule_set: RuleSet, behind: Sequence[tuple[Entity, str]]) -> list[tuple[Entity, str]]:
        """Of what is left behind, what was not commanded before; everything, when nothing has moved for long."""
        records = frozenset(record_id for _, record_id in behind)
        before = self._by_team.get(rule_set.team)
        if before is None or before.version != rule_set.version or before.looks >= PATIENT_LOOKS:
            before = _Sent(rule_set.version, frozenset())
        self._by_team[rule_set.team] = _Sent(
            rule_set.version, records, before.looks + 1 if records == before.records else 0
        )
        return [each for each in behind if each[1] not in before.records]

    def forget(self, team: str) -> None:
        self._by_team.pop(team, None)


async def reapply(
    store: Store, publisher: Publisher, clock: Clock, stop: asyncio.Event, pace_seconds: float = IDLE_SECONDS
) -> None:
    """Run until `stop`. Every routing process may run it: a command given twice changes nothing."""
    sent = Sent()
    while not stop.is_set():
        busy = await patiently(lambda: reapply_due(store, publisher, clock.now_ms(), sent))
        await patiently(lambda: reapply_dates(store, publisher, clock.now_ms()))
        try:
            await asyncio.wait_for(stop.wait(), min(pace_seconds, BUSY_SECONDS) if busy else pace_seconds)
        except TimeoutError:
            continue


async def reapply_due(store: Store, publisher: Publisher, now_ms: int, sent: Sent) -> bool:
    """Whether anything was left behind."""
    due = await store.rule_set_queries.unapplied(limit=TEAMS)
    for rule_set in due:
        await reapply_page(store, publisher, rule_set, now_ms, sent)
    return bool(due)


async def reapply_dates(store: Store, publisher: Publisher, now_ms: int) -> None:
    """Command one page of the records of all teams whose day has come; evaluating one moves its moment on."""
    due = await store.record_queries.due_by_date(now_ms, PAGE)
    if due:
        await publisher.reevaluations(
            [command(each.team, (each.entity, each.record_id), each.rule_set_version, "date") for each in due]
        )


async def reapply_page(store: Store, publisher: Publisher, rule_set: RuleSet, now_ms: int, sent: Sent) -> None:
    """Command what has come into the page of records left behind, or note that there are none.

    An evaluation that began under the old version looks at the version again after its write (`Applier`), so a record
    written late is never left behind unseen. A lost swap means that the rule set was edited again: the next look
    begins anew.
    """
    behind = await store.record_queries.older_than(rule_set.team, rule_set.version, PAGE)
    if not behind:
        sent.forget(rule_set.team)
        await note_applied(store, rule_set, now_ms)
        await store.rule_sets.swap([rule_set.model_copy(update={"applied_version": rule_set.version})])
        return
    await note_progress(store, rule_set, now_ms)
    if news := sent.news(rule_set, behind):
        await publisher.reevaluations([command(rule_set.team, each, rule_set.version, "rules") for each in news])


def command(team: str, record: tuple[Entity, str], version: int, reason: Literal["rules", "date"]) -> Reevaluation:
    entity, record_id = record
    return Reevaluation(team=team, entity=entity, record_id=record_id, reason=reason, rule_set_version=version)
