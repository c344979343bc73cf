"""The write-back of insights: one function per command, from settings to result."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import TextIO

from schemas.documents import InsightFields, WritebackSettings
from schemas.events import ENTITIES, Entity
from schemas.reports import RowReport, RunReport
from workers.console import writeback, writeback_runs
from workers.console.writeback_runs import Progress
from workers.core.writeback import fields_of
from workers.insights.forecast import Forecast, forecast
from workers.ports import RowsWanted
from workers.runtime.connections import connection_of
from workers.runtime.writeback_settings import settings_of
from workers.settings import Settings
from workers.wiring.resources import team_org, team_store
from workers.wiring.rules import by


async def writeback_settings(settings: Settings, team: str) -> WritebackSettings:
    async with team_store(settings, team) as opened:
        return await settings_of(opened, team)


async def org_time_zone(settings: Settings, team: str) -> str:
    async with team_store(settings, team) as opened:
        return (await connection_of(opened, team)).time_zone


async def switch_writeback(settings: Settings, team: str, entity: Entity, on: bool) -> WritebackSettings:
    async with team_store(settings, team) as opened:
        return await writeback.switch(opened, team, entity, on, by())


async def change_writeback(settings: Settings, team: str, update: Mapping[str, object]) -> WritebackSettings:
    async with team_store(settings, team) as opened:
        return await writeback.change(opened, team, update, by())


async def name_writeback_fields(
    settings: Settings, team: str, entity: Entity, score: str | None, date: str | None
) -> WritebackSettings:
    async with team_org(settings, team) as (opened, org):
        now = fields_of(await settings_of(opened, team), entity)
        fields = InsightFields(score=score or now.score, date=date or now.date)
        return await writeback.name_fields(opened, org, team, entity, fields, by())


async def missing_insight_fields(settings: Settings, team: str) -> dict[Entity, list[str]]:
    async with team_org(settings, team) as (opened, org):
        return {entity: await writeback.missing_fields(opened, org, team, entity) for entity in ENTITIES}


async def create_insight_fields(settings: Settings, team: str) -> dict[Entity, list[str]]:
    """What was created, by entity."""
    async with team_org(settings, team) as (opened, org):
        created = {entity: await writeback.missing_fields(opened, org, team, entity) for entity in ENTITIES}
        user_id, named = (await org.habits()).user_id, await settings_of(opened, team)
        for entity, names in created.items():
            fields = fields_of(named, entity)
            for name in names:
                kind = "score" if name == fields.score else "date"
                await org.create_insight_field(entity, name, kind, user_id)
        return created


async def writeback_rows(
    settings: Settings, team: str, run_id: str | None, wanted: RowsWanted, limit: int
) -> tuple[list[RowReport], bool]:
    """The first of them, and whether there are more."""
    async with team_store(settings, team) as opened:
        found: list[RowReport] = []
        async with aclosing(writeback_runs.rows(opened, team, run_id, wanted)) as pages:
            async for page in pages:
                found += page
                if len(found) > limit:
                    break
        return found[:limit], len(found) > limit


async def export_writeback_rows(
    settings: Settings, team: str, run_id: str | None, wanted: RowsWanted, to: TextIO
) -> int:
    async with team_store(settings, team) as opened:
        return await writeback_runs.export(opened, team, run_id, wanted, to)


async def writeback_report(settings: Settings, team: str, run_id: str) -> RunReport:
    async with team_store(settings, team) as opened:
        return await writeback_runs.report(opened, team, run_id)


async def writeback_reports(settings: Settings, team: str) -> list[RunReport]:
    """Newest first."""
    async with team_store(settings, team) as opened:
        return await writeback_runs.reports(opened, team)


async def writeback_progress(settings: Settings, team: str) -> Progress | None:
    async with team_store(settings, team) as opened:
        return await writeback_runs.progress(opened, team)


async def writeback_forecast(settings: Settings, team: str) -> Forecast:
    async with team_org(settings, team) as (opened, org):
        return await forecast(opened, org, team, by().now_ms)
