"""In which order the rows of a run go to Salesforce, and how places in it are named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.events import Entity

PARENT = "AccountId"
PLACED_BY = frozenset({PARENT})
"""The fields that the order depends on."""


class Planned(NamedTuple):
    """A row to be. Sorted, contacts of one account stand together: Salesforce locks the account of each contact that it
    writes, and works on several batches of a job side by side ("Minimize locks": sort by the parent's id, Bulk API 2.0
    Developer Guide)."""

    entity: Entity
    parent: str
    record_id: str
    score: float | None
    last_engagement_date: str | None
    before_score: float | None = None
    before_date: str | None = None
    insight_rev: int = 0


def parent_of(entity: Entity, fields: Mapping[str, Any]) -> str:
    """`fields`: what is known of the record."""
    parent = fields.get(PARENT) if entity == "contact" else None
    return parent if isinstance(parent, str) else ""


def pack_place(entity: Entity, number: int) -> str:
    return f"{entity}/{number:06d}"


def row_place(pack: str, slot: int) -> str:
    return f"{pack}/{slot:04d}"


def pack_and_slot(place: str) -> tuple[str, int]:
    pack, _, slot = place.rpartition("/")
    return pack, int(slot)


def first_pack(after: str) -> str:
    """The least place that a pack with rows behind `after` can have."""
    return after.rpartition("/")[0] if after.count("/") == 2 else after


def next_pack(pack: str) -> str:
    """The least place that a pack behind this one can have."""
    return f"{pack}/"


def first_place(entity: Entity) -> str:
    """Before all places of an entity."""
    return f"{entity}/"


def last_place(entity: Entity) -> str:
    """Behind all places of an entity; "0" is the character that follows "/"."""
    return f"{entity}0"
