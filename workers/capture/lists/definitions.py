"""Lists as Salesforce describes them now: what changed there is changed in the rule set, by "salesforce"."""

from __future__ import annotations

import structlog

from schemas.documents import ListDefinition, RuleSet
from workers.capture.mirror.readings import Readings
from workers.core.lists.comparing import same_meaning
from workers.core.lists.predicates import UnsupportedCondition
from workers.ports import Invisible, ListInfo
from workers.runtime.edits import By, edit_rule_set
from workers.runtime.lists import compiled_today, definition_of, with_habits

log = structlog.get_logger()

HABITS = ("several_currencies", "labelled", "calculated", "currencies")
"""Of the org's fields: looked at with another filter only."""

SALESFORCE = "salesforce"
"""Who did what an administrator did there."""


async def renewed(readings: Readings, known: ListDefinition) -> ListDefinition:
    """The list as it is now, also stored. With `trouble` where it cannot be read. Raises Unavailable and Refused."""
    found = await _described(readings, known)
    if not found.trouble and same_meaning(known, found):
        found = known.model_copy(update={"trouble": "", "query": found.query, "label": found.label})
    if found.model_copy(update={"query": known.query}) == known:
        return known.model_copy(update={"query": found.query})  # other columns, or another order
    await store_list(readings, found, told(known, found))
    return found


async def _described(readings: Readings, known: ListDefinition) -> ListDefinition:
    info = ListInfo(known.list_id, known.label, "")
    now_ms = readings.context.clock.now_ms()
    try:
        describe = await readings.org.list_describe(known.entity, known.list_id)
    except Invisible as error:
        return known.model_copy(update={"trouble": str(error)})
    found = definition_of(known.entity, info, describe, now_ms)
    user_id = (await readings.org.habits()).user_id if found.scope == "mine" else known.user_id
    found = found.model_copy(update={"user_id": user_id, **{name: getattr(known, name) for name in HABITS}})
    if not same_meaning(known, found):
        found = await with_habits(readings.org, found)
    try:
        compiled_today(found, now_ms)
    except UnsupportedCondition as error:
        return known.model_copy(update={"trouble": str(error)})
    return found


def told(before: ListDefinition, after: ListDefinition) -> str:
    """A change of a list in words, for the log of who did what."""
    if after.trouble:
        return f"list “{after.label}” cannot be read any more, its members stay: {after.trouble}"
    if before.trouble:
        return f"list “{after.label}” can be read again"
    if before.label != after.label and same_meaning(before, after):
        return f"list “{before.label}” is called “{after.label}” now"
    return f"list “{after.label}” has another filter"


async def store_list(readings: Readings, definition: ListDefinition, what: str) -> None:
    """Raises Unavailable."""

    def edit(rule_set: RuleSet) -> tuple[RuleSet, None, str]:
        return rule_set.model_copy(update={"lists": rule_set.lists | {definition.list_id: definition}}), None, what

    log.info("list changed", team=readings.team, list=definition.list_id, what=what)
    by = By(SALESFORCE, readings.context.clock.now_ms())
    await edit_rule_set(readings.context.store, readings.team, edit, by)
