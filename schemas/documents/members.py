"""People and accounts, folded from records."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from schemas.documents.base import Document
from schemas.documents.records import Reason
from schemas.events import Entity, RecordId, TeamId, Version


class Contribution(Document):
    """What one record says about a person or account. `rev` is the record's revision; a higher one replaces it.

    `gone` keeps the revision of a withdrawn contribution, so that a late writer cannot bring it back.
    """

    rev: int
    entity: Entity
    gone: bool = False
    version: Version | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    precedence: dict[str, int] = Field(default_factory=dict)
    """By field: the highest wins where records disagree, and between equals (0 if not named) the latest."""
    segments: dict[str, tuple[Reason, ...]] = Field(default_factory=dict)


class ByHand(Document):
    """Somebody put a member into a segment: it stays there until somebody takes it out, whatever rules say."""

    who: str
    at_ms: int


class Member(Document):
    """A person (key: normalized e-mail) or an account (key: registrable domain), folded from its contributions."""

    team: TeamId
    key: str
    rev: int = 0
    contributions: dict[RecordId, Contribution] = Field(default_factory=dict)
    by_hand: dict[str, ByHand] = Field(default_factory=dict)
    """By segment id."""
    alive: bool = False
    fields: dict[str, Any] = Field(default_factory=dict)
    segments: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    """The segments that `routing.memberships` has been told of; differs from `segments` where it may not know yet."""
