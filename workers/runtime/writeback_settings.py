"""How a team's insights are written back, and whether the org lets them."""

from __future__ import annotations

from schemas.documents import InsightFields, WritebackSettings
from schemas.events import Entity
from workers.core.writeback import unfit
from workers.ports import SalesforceOrg, Store


async def settings_of(store: Store, team: str) -> WritebackSettings:
    """The defaults when the team never changed any."""
    return (await store.writeback_settings.load([(team, team)])).get((team, team)) or WritebackSettings(team=team)


async def problems_of(org: SalesforceOrg, entity: Entity, fields: InsightFields) -> list[str]:
    """What keeps an entity's insights from being written to these fields, as the org describes them now."""
    return (await described(org, entity, fields))[0]


async def described(org: SalesforceOrg, entity: Entity, fields: InsightFields) -> tuple[list[str], int]:
    """These problems, and how many digits behind the point the score field keeps."""
    found = {field.name: field for field in await org.fields(entity)}
    problems = unfit(entity, fields, {name: (field.type, field.updateable) for name, field in found.items()})
    return problems, found[fields.score].scale if fields.score in found else 0
