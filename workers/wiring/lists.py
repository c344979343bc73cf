"""Salesforce lists: one function per command, from settings to result."""

from __future__ import annotations

from schemas.documents import Job
from schemas.events import Entity
from workers.console import jobs, lists
from workers.console.lists import ListShown, ListStatus
from workers.ports import ListInfo
from workers.runtime.process import SystemClock
from workers.settings import Settings
from workers.wiring.resources import team_org, team_store

clock = SystemClock()


async def visible_lists(settings: Settings, team: str, entity: Entity) -> list[ListInfo]:
    async with team_org(settings, team) as (_, org):
        return await org.lists(entity)


async def show_list(settings: Settings, team: str, entity: Entity, name: str) -> ListShown:
    async with team_org(settings, team) as (_, org):
        return await lists.show_list(org, entity, name, clock.now_ms())


async def list_statuses(settings: Settings, team: str) -> list[ListStatus]:
    async with team_store(settings, team) as opened:
        return await lists.list_statuses(opened, team, clock.now_ms())


async def compare_list(settings: Settings, team: str, name: str) -> Job:
    async with team_store(settings, team) as opened:
        job_id = await lists.request_comparison(opened, team, name, clock.now_ms())
        return await jobs.job_of(opened.jobs, team, job_id)
