"""What a marketer does with rules: pick lists, say where they go, look at them, de-activate them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from schemas.documents import Destination, ListDefinition, OrgCalendar, Rule, RuleSet, Segment
from schemas.events import Entity
from workers.core.data.first_weekday import first_weekday
from workers.core.lists.days import Calendar
from workers.core.lists.operators import Reading
from workers.core.lists.predicates import UnsupportedCondition, compile_list
from workers.ports import ListInfo, Refused, SalesforceOrg, Store, Unavailable
from workers.runtime.rule_sets import compiled_for

T = TypeVar("T")

EDIT_ATTEMPTS = 10
"""Edits of one team's rule set that may cross; people do not click faster than that."""


async def rule_set_of(store: Store, team: str) -> RuleSet:
    return (await store.rule_sets.load([(team, team)])).get((team, team)) or RuleSet(team=team)


async def add_rule(
    store: Store,
    team: str,
    entity: Entity,
    definitions: Sequence[ListDefinition],
    destination: Destination,
    now_ms: int,
    calendar: OrgCalendar | None = None,
) -> Rule:
    """Add an active rule over lists that `define_list` has accepted; `calendar` None: relative dates as before."""
    list_ids = tuple(dict.fromkeys(definition.list_id for definition in definitions))

    def edit(rule_set: RuleSet) -> tuple[RuleSet, Rule]:
        rule = Rule(
            rule_id=f"{entity}-{next_number(rule_set)}",
            entity=entity,
            list_ids=list_ids,
            destination=destination,
            created_at_ms=now_ms,
        )
        return rule_set.model_copy(
            update={
                "rules": (*rule_set.rules, rule),
                "lists": rule_set.lists | {definition.list_id: definition for definition in definitions},
                "calendar": calendar or rule_set.calendar,
            }
        ), rule

    return await edit_rule_set(store, team, edit, now_ms)


async def deactivate_rule(store: Store, team: str, rule_id: str, now_ms: int) -> Rule:
    """The rule no longer holds anybody; it is kept as history."""

    def edit(rule_set: RuleSet) -> tuple[RuleSet, Rule]:
        rule = next((rule for rule in rule_set.rules if rule.rule_id == rule_id), None)
        if rule is None:
            raise Refused(f"team {team} has no rule {rule_id}; `segment-sync rules list {team}` shows its rules")
        idle = rule.model_copy(update={"active": False})
        rules = tuple(idle if each.rule_id == rule_id else each for each in rule_set.rules)
        return rule_set.model_copy(update={"rules": rules}), idle

    return await edit_rule_set(store, team, edit, now_ms)


async def edit_rule_set(store: Store, team: str, edit: Callable[[RuleSet], tuple[RuleSet, T]], now_ms: int) -> T:
    """One compare-and-swap under the next version; an edit that crossed another is made again on its result."""
    for _ in range(EDIT_ATTEMPTS):
        before = await rule_set_of(store, team)
        after, result = edit(before)
        compiled_for(after, now_ms)
        if not await store.rule_sets.swap([after.model_copy(update={"version": before.version + 1})]):
            return result
    raise Unavailable(f"the rules of team {team} are being edited by others: try again")


async def define_list(org: SalesforceOrg, entity: Entity, name: str, now_ms: int) -> ListDefinition:
    """The definition of a list given by label, developer name or id; refuses what cannot be evaluated here."""
    found = find_list(await org.lists(entity), entity, name)
    describe = await org.list_describe(entity, found.list_id)
    definition = ListDefinition(
        list_id=found.list_id,
        entity=entity,
        label=found.label,
        scope=describe.get("scope") or "everything",
        where=describe.get("whereCondition") or {"conditions": [], "conjunction": "and"},
        query=str(describe.get("query") or ""),
        user_id=(await org.habits()).user_id,
        several_currencies=any(each.name == "CurrencyIsoCode" for each in await org.fields(entity)),
        fetched_at_ms=now_ms,
    )
    check_list(definition, now_ms)
    return definition


def check_list(definition: ListDefinition, now_ms: int) -> None:
    """Raises Refused when no rule can use the list."""
    calendar = Calendar()
    try:
        compiled = compile_list(definition, Reading(calendar.today(now_ms), calendar))
    except UnsupportedCondition as error:
        raise Refused(str(error)) from error
    if compiled.predicate is None:
        raise Refused(
            f"List “{definition.label}” cannot be evaluated here: {'; '.join(compiled.reasons)}. "
            "Change the list's filter in Salesforce, or choose another list."
        )


async def read_calendar(org: SalesforceOrg) -> OrgCalendar:
    """How the org counts days, for lists with relative dates."""
    habits = await org.habits()
    return OrgCalendar(
        time_zone=habits.time_zone,
        week_starts=first_weekday(habits.locale),
        fiscal_year_starts=habits.fiscal_year_starts,
    )


def find_list(visible: Sequence[ListInfo], entity: Entity, name: str) -> ListInfo:
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


async def new_segment(store: Store, team: str, name: str, entity: Entity, now_ms: int) -> Segment:
    segment = Segment(team=team, segment_id=slug(name), name=name, kind=kind_for(entity), created_at_ms=now_ms)
    if await store.segments.swap([segment]):
        raise Refused(f"team {team} has a segment “{name}” already: use it with --existing-segment, or name another")
    return segment


async def existing_segment(store: Store, team: str, name: str, entity: Entity) -> Segment:
    segments = [segment async for segment in store.segments.scan(team)]
    found = next((s for s in segments if name in (s.segment_id, s.name)), None)
    if found is None:
        raise Refused(f"team {team} has no segment “{name}”; it has: {', '.join(s.name for s in segments) or 'none'}")
    if found.kind != kind_for(entity):
        raise Refused(
            f"segment “{found.name}” holds {found.kind}: a rule for {entity}s needs one of {kind_for(entity)}"
        )
    return found


def kind_for(entity: Entity) -> Literal["people", "accounts"]:
    return "accounts" if entity == "account" else "people"


def slug(name: str) -> str:
    """Segment ids stand in topic keys: letters, digits and dashes."""
    text = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")
    if not text:
        raise Refused("a segment's name needs at least one letter from a to z or digit")
    return text[:80]


def next_number(rule_set: RuleSet) -> int:
    return len(rule_set.rules) + 1
