"""In which order the rows of a run go to Salesforce."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.events import Entity

PARENT = "AccountId"
PLACED_BY = frozenset({PARENT})
"""The fields that a place depends on."""


def place_of(entity: Entity, record_id: str, fields: Mapping[str, Any]) -> str:
    """Contacts of one account stand together: Salesforce locks the account of each contact that it writes, and works on
    several batches of a job side by side ("Minimize locks": sort by the parent's id, Bulk API 2.0 Developer Guide).

    `fields`: what is known of the record.
    """
    parent = fields.get(PARENT) if entity == "contact" else None
    return f"{entity}/{parent if isinstance(parent, str) else ''}/{record_id}"


def first_place(entity: Entity) -> str:
    """Before all places of an entity."""
    return f"{entity}/"


def last_place(entity: Entity) -> str:
    """Behind all places of an entity; "0" is the character that follows "/"."""
    return f"{entity}0"
