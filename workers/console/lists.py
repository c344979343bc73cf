"""The Salesforce lists that rules can use and use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.documents import Job, ListDefinition, OrgCalendar, Rule, RuleSet
from schemas.events import Entity
from workers.core.data.first_weekday import first_weekday
from workers.core.lists.comparing import comparison_id
from workers.core.lists.predicates import UnsupportedCondition
from workers.core.lists.queries import NoQuery, list_query
from workers.core.lists.scheduling import lists_in_use
from workers.ports import ListInfo, Refused, SalesforceOrg, Store
from workers.runtime.edits import rule_set_of
from workers.runtime.lists import ask_for_comparison, compiled_today, definition_of, with_habits


@dataclass(frozen=True, slots=True)
class ListShown:
    """A list as Salesforce has it now."""

    definition: ListDefinition
    records: int | None
    """That it holds; None: its query cannot be counted."""
    only_the_org_can_tell: tuple[str, ...] = ()
    """Why Salesforce is asked who is in it."""
    unusable: str = ""
    """Why no rule can use it."""


@dataclass(frozen=True, slots=True)
class ListStatus:
    """A list that rules use."""

    definition: ListDefinition
    rules: tuple[str, ...]
    only_the_org_can_tell: tuple[str, ...]
    comparison: Job | None
    """The last one with Salesforce, or the one that is going on."""


async def define_list(org: SalesforceOrg, entity: Entity, name: str, now_ms: int) -> ListDefinition:
    """The definition of a list given by label, developer name or id. Raises Refused when no rule can use it."""
    definition = await _read(org, entity, name, now_ms)
    try:
        compiled_today(definition, now_ms)
    except UnsupportedCondition as error:
        raise Refused(str(error)) from error
    return definition


async def show_list(org: SalesforceOrg, entity: Entity, name: str, now_ms: int) -> ListShown:
    """Also a list that no rule can use."""
    definition = await _read(org, entity, name, now_ms)
    try:
        records = await org.count(list_query(definition.query).count)
    except (NoQuery, Refused):
        records = None
    try:
        return ListShown(definition, records, needs_org(definition, now_ms))
    except UnsupportedCondition as error:
        return ListShown(definition, records, unusable=str(error))


async def _read(org: SalesforceOrg, entity: Entity, name: str, now_ms: int) -> ListDefinition:
    found = find_list(await org.lists(entity), entity, name)
    describe = await org.list_describe(entity, found.list_id)
    return await with_habits(org, definition_of(entity, found, describe, now_ms))


def needs_org(definition: ListDefinition, now_ms: int) -> tuple[str, ...]:
    """Why only the org can tell who is in the list, if so. Raises UnsupportedCondition."""
    compiled = compiled_today(definition, now_ms)
    return compiled.reasons if compiled.predicate is None and not compiled.frozen else ()


def notes(rule_set: RuleSet, rule: Rule, now_ms: int) -> tuple[str, ...]:
    """What an administrator should know about a rule's lists."""
    return tuple(note for each in rule.list_ids if (note := _note(rule_set.lists[each], now_ms)))


def _note(definition: ListDefinition, now_ms: int) -> str:
    if definition.trouble:
        return f"list “{definition.label}” stands still, its members stay: {definition.trouble}"
    try:
        reasons = needs_org(definition, now_ms)
    except UnsupportedCondition as error:  # saved by another version of the program
        return str(error)
    return f"Salesforce is asked who is in list “{definition.label}”: {'; '.join(reasons)}" if reasons else ""


async def list_statuses(store: Store, team: str, now_ms: int) -> list[ListStatus]:
    """Of every list that an active rule uses, by label."""
    rule_set = await rule_set_of(store, team)
    in_use = [rule_set.lists[list_id] for list_id in lists_in_use(rule_set)]
    jobs = await store.jobs.load([(team, comparison_id(each.list_id)) for each in in_use])
    return [
        ListStatus(
            each,
            tuple(rule.rule_id for rule in rule_set.rules if rule.active and each.list_id in rule.list_ids),
            needs_org(each, now_ms),
            jobs.get((team, comparison_id(each.list_id))),
        )
        for each in sorted(in_use, key=lambda definition: (definition.label, definition.list_id))
    ]


async def request_comparison(store: Store, team: str, name: str, now_ms: int) -> str:
    """Have a list, given by label or id, compared with Salesforce now; the id of the job. Raises Refused."""
    rule_set = await rule_set_of(store, team)
    in_use = [rule_set.lists[list_id] for list_id in lists_in_use(rule_set)]
    found = [each for each in in_use if name.casefold() == each.label.casefold() or name[:15] == each.list_id[:15]]
    if len(found) != 1:
        known = ", ".join(f"{each.label} ({each.list_id})" for each in found or in_use) or "none"
        many = "several lists are" if found else "no list that a rule uses is"
        raise Refused(f"{many} called “{name}”: {known}")
    await ask_for_comparison(store.jobs, team, found[0], now_ms)
    return comparison_id(found[0].list_id)


async def read_calendar(org: SalesforceOrg) -> OrgCalendar:
    """How the org counts days, for lists with relative dates."""
    habits = await org.habits()
    return OrgCalendar(
        time_zone=habits.time_zone,
        week_starts=first_weekday(habits.locale),
        fiscal_year_starts=habits.fiscal_year_starts,
    )


def find_list(visible: Sequence[ListInfo], entity: Entity, name: str) -> ListInfo:
    if not name.strip():
        raise Refused("the name of a list is empty: give its label, developer name or id")
    wanted = name.casefold()
    matches = [
        each
        for each in visible
        if wanted in (each.label.casefold(), each.developer_name.casefold()) or each.list_id[:15] == name[:15]
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        ids = ", ".join(each.list_id for each in matches)
        raise Refused(f"several {entity} lists are called “{name}”: give one of their ids instead: {ids}")
    raise Refused(
        f"the connected user sees no {entity} list “{name}”. If it exists, a Salesforce administrator can share it: "
        f"open the list view, List View Controls (gear), Sharing Settings. Visible: "
        + (", ".join(sorted(each.label for each in visible)[:10]) or "none")
    )
