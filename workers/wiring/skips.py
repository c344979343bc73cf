"""Who is not imported: one function per command, from settings to result."""

from __future__ import annotations

from typing import TextIO

from schemas.events import Entity
from workers.console import skips as console_skips
from workers.console.skips import Skipped
from workers.settings import Settings
from workers.wiring.resources import team_store


async def skip_counts(settings: Settings, team: str) -> dict[tuple[Entity, str], int]:
    async with team_store(settings, team) as opened:
        return await opened.record_queries.skipped(team)


async def skips(settings: Settings, team: str, entity: Entity | None, reason: str | None, limit: int) -> list[Skipped]:
    async with team_store(settings, team) as opened:
        found: list[Skipped] = []
        async for each in console_skips.skips(opened, team, entity, reason):
            found.append(each)
            if len(found) == limit:
                break
        return found


async def export_skips(settings: Settings, team: str, entity: Entity | None, reason: str | None, to: TextIO) -> int:
    async with team_store(settings, team) as opened:
        return await console_skips.export(opened, team, entity, reason, to)
