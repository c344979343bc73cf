"""The Salesforce lists that a rule can use."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.documents import ListDefinition, OrgCalendar
from schemas.events import Entity
from workers.core.data.first_weekday import first_weekday
from workers.core.lists.days import Calendar
from workers.core.lists.operators import Reading
from workers.core.lists.predicates import UnsupportedCondition, compile_list
from workers.ports import ListInfo, Refused, SalesforceOrg


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
