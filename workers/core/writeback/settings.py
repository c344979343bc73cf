"""What a team's settings say, with the defaults of one that never changed any."""

from __future__ import annotations

from datetime import time

from schemas.documents import InsightFields, Switch, WritebackSettings
from schemas.events import Entity
from workers.core.schedule import Schedule, blackouts_of


def is_on(settings: WritebackSettings, entity: Entity) -> bool:
    return settings.switches.get(entity, Switch()).on


def fields_of(settings: WritebackSettings, entity: Entity) -> InsightFields:
    return settings.fields.get(entity, InsightFields())


def schedule_of(settings: WritebackSettings, org_time_zone: str) -> Schedule:
    return Schedule(
        time.fromisoformat(settings.at), settings.time_zone or org_time_zone, blackouts_of(settings.blackouts)
    )
