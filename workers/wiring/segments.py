"""Segments: one function per command, from settings to result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from schemas.documents import Member, Segment
from schemas.events import Entity
from workers.console import segments as console_segments
from workers.ports import Store
from workers.runtime.members import MemberWriter
from workers.settings import Settings
from workers.wiring.resources import publisher, team_store
from workers.wiring.rules import by, clock


@asynccontextmanager
async def member_writer(settings: Settings, team: str) -> AsyncIterator[tuple[Store, MemberWriter]]:
    async with team_store(settings, team) as opened, publisher(settings) as topics:
        yield opened, MemberWriter(topics)


async def segments(settings: Settings, team: str) -> list[tuple[Segment, int]]:
    """Each segment with its size."""
    async with team_store(settings, team) as opened:
        sizes = await opened.people_queries.segment_sizes(team) | await opened.account_queries.segment_sizes(team)
        return [(each, sizes.get(each.segment_id, 0)) for each in await console_segments.segments_of(opened, team)]


async def segment_names(settings: Settings, team: str) -> dict[str, str]:
    """By id."""
    async with team_store(settings, team) as opened:
        return {each.segment_id: each.name for each in await console_segments.segments_of(opened, team)}


async def create_segment(settings: Settings, team: str, name: str, entity: Entity) -> Segment:
    async with team_store(settings, team) as opened:
        planned = console_segments.planned_segment(team, name, entity, clock.now_ms())
        return await console_segments.make_segment(opened, planned, by())


async def rename_segment(settings: Settings, team: str, segment: str, name: str) -> Segment:
    async with team_store(settings, team) as opened:
        return await console_segments.rename_segment(opened, team, segment, name, by())


async def delete_segment(settings: Settings, team: str, segment: str) -> Segment:
    async with member_writer(settings, team) as (opened, writer):
        return await console_segments.delete_segment(opened, writer, team, segment, by())


async def put_members(settings: Settings, team: str, segment: str, names: Sequence[str]) -> Segment:
    async with member_writer(settings, team) as (opened, writer):
        return await console_segments.put_members(opened, writer, team, segment, names, by())


async def take_members(settings: Settings, team: str, segment: str, names: Sequence[str]) -> Segment:
    async with member_writer(settings, team) as (opened, writer):
        return await console_segments.take_members(opened, writer, team, segment, names, by())


async def segment_members(settings: Settings, team: str, segment: str, limit: int) -> tuple[Segment, list[Member]]:
    async with team_store(settings, team) as opened:
        found = await console_segments.segment_of(opened, team, segment)
        return found, await console_segments.members_of(opened, found, limit)
