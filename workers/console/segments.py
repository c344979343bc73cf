"""Segments: what rules feed, and what marketers look at."""

from __future__ import annotations

import re
from typing import Literal

from schemas.documents import Segment
from schemas.events import Entity
from workers.ports import Refused, Store


def planned_segment(team: str, name: str, entity: Entity, now_ms: int) -> Segment:
    return Segment(team=team, segment_id=slug(name), name=name, kind=kind_for(entity), created_at_ms=now_ms)


async def new_segment(store: Store, team: str, name: str, entity: Entity, now_ms: int) -> Segment:
    segment = planned_segment(team, name, entity, now_ms)
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
