"""How insights are written back: the switch of each entity, the schedule, the fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from schemas.documents import Edit, InsightFields, Switch, WritebackSettings
from schemas.events import Entity
from workers.core.writeback import fields_of
from workers.ports import Refused, SalesforceOrg, Store, Unavailable
from workers.runtime.edits import EDIT_ATTEMPTS, By, log_edit
from workers.runtime.writeback_settings import problems_of, settings_of


async def switch(store: Store, team: str, entity: Entity, on: bool, by: By) -> WritebackSettings:
    """Counts at once, also for a run that goes on. What changed meanwhile is written when it is switched on again."""

    def edit(settings: WritebackSettings) -> WritebackSettings:
        switched = Switch(on=on, changed_at_ms=by.now_ms, changed_by=by.who)
        return settings.model_copy(update={"switches": settings.switches | {entity: switched}})

    return await _edit(store, team, edit, by, f"write-back of {entity}s switched {'on' if on else 'off'}")


async def change(store: Store, team: str, update: Mapping[str, object], by: By) -> WritebackSettings:
    """Schedule and dead band. Raises Refused naming the setting that cannot be."""
    zone = update.get("time_zone")
    if isinstance(zone, str):
        check_zone(zone)

    def edit(settings: WritebackSettings) -> WritebackSettings:
        try:
            return WritebackSettings.model_validate({**settings.model_dump(), **update})
        except ValidationError as error:
            wrong = error.errors(include_input=True)[0]
            why = "give HH:MM, such as 02:30" if wrong["type"] == "string_pattern_mismatch" else wrong["msg"].lower()
            raise Refused(f"{wrong['loc'][0]}: {wrong['input']!r} cannot be: {why}") from None

    told = ", ".join(f"{name} {value}" for name, value in update.items())
    return await _edit(store, team, edit, by, f"write-back: {told}")


async def name_fields(
    store: Store, org: SalesforceOrg, team: str, entity: Entity, fields: InsightFields, by: By
) -> WritebackSettings:
    """Where the entity's insights go from now on. Raises Refused when they cannot be written there."""
    if problems := await problems_of(org, entity, fields):
        raise Refused("; ".join(problems))

    def edit(settings: WritebackSettings) -> WritebackSettings:
        return settings.model_copy(update={"fields": settings.fields | {entity: fields}})

    return await _edit(store, team, edit, by, f"write-back of {entity}s to {fields.score} and {fields.date}")


async def missing_fields(store: Store, org: SalesforceOrg, team: str, entity: Entity) -> list[str]:
    """Names of the insight fields that the org does not have, or does not show."""
    fields = fields_of(await settings_of(store, team), entity)
    found = {field.name for field in await org.fields(entity)}
    return [name for name in (fields.score, fields.date) if name not in found]


def check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Refused(f"{name} is no time zone: give an IANA name such as Europe/Oslo") from None


async def _edit(
    store: Store, team: str, edit: Callable[[WritebackSettings], WritebackSettings], by: By, what: str
) -> WritebackSettings:
    for _ in range(EDIT_ATTEMPTS):
        before = await settings_of(store, team)
        await log_edit(store, team, "writeback", before.edit)
        version = (before.edit.version if before.edit else 0) + 1
        made = Edit(version=version, at_ms=by.now_ms, who=by.who, what=what)
        after = edit(before).model_copy(update={"edit": made})
        if not await store.writeback_settings.swap([after]):
            await log_edit(store, team, "writeback", after.edit)
            return after
    raise Unavailable(f"the write-back settings of team {team} are being edited by others: try again")
