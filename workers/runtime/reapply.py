"""Has stored records evaluated again: after a rule set was edited, until none is left behind, and when a day begins on
which a relative date of some list may let them enter or leave."""

from __future__ import annotations

import asyncio
from typing import Literal

from schemas.documents import Record, RuleSet
from schemas.events import Reevaluation
from workers.ports import Clock, Publisher, Store
from workers.runtime.retry import patiently

PAGE = 2000
"""Commands in flight per team: a few seconds of routing's work, so that a second look finds most of them done."""

TEAMS = 100
"""Teams looked at in one go; the next look takes the next ones."""

IDLE_SECONDS = 1.0
"""Between two looks when nothing is due: one indexed query for all teams together."""


async def reapply(
    store: Store, publisher: Publisher, clock: Clock, stop: asyncio.Event, pace_seconds: float = IDLE_SECONDS
) -> None:
    """Run until `stop`. Every routing process may run it: a command given twice changes nothing."""
    while not stop.is_set():
        await patiently(lambda: reapply_due(store, publisher))
        await patiently(lambda: reapply_dates(store, publisher, clock.now_ms()))
        try:
            await asyncio.wait_for(stop.wait(), pace_seconds)
        except TimeoutError:
            continue


async def reapply_due(store: Store, publisher: Publisher) -> None:
    for rule_set in await store.rule_set_queries.unapplied(limit=TEAMS):
        await reapply_page(store, publisher, rule_set)


async def reapply_dates(store: Store, publisher: Publisher, now_ms: int) -> None:
    """Command one page of the records of all teams whose day has come; evaluating one moves its moment on."""
    due = await store.record_queries.due_by_date(now_ms, PAGE)
    if due:
        await publisher.reevaluations([command(record, record.rule_set_version, "date") for record in due])


async def reapply_page(store: Store, publisher: Publisher, rule_set: RuleSet) -> None:
    """Command one page of the records left behind, or note that there are none.

    An evaluation that began under the old version looks at the version again after its write (`Applier`), so a record
    written late is never left behind unseen. A lost swap means that the rule set was edited again: the next look
    begins anew.
    """
    behind = await store.record_queries.older_than(rule_set.team, rule_set.version, PAGE)
    if behind:
        await publisher.reevaluations([command(record, rule_set.version, "rules") for record in behind])
    else:
        await store.rule_sets.swap([rule_set.model_copy(update={"applied_version": rule_set.version})])


def command(record: Record, version: int, reason: Literal["rules", "date"]) -> Reevaluation:
    return Reevaluation(
        team=record.team,
        entity=record.entity,
        record_id=record.record_id,
        reason=reason,
        rule_set_version=version,
    )
