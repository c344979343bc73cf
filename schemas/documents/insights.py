"""Scores, and what Salesforce has accepted of them."""

from __future__ import annotations

from typing import Literal

from schemas.documents.base import Document
from schemas.events import Entity, RecordId, TeamId


class Engagement(Document):
    team: TeamId
    subject: Literal["person", "account"]
    key: str
    rev: int = 0
    score: float
    last_engagement_at_ms: int | None
    scored_at_ms: int


class Insight(Document):
    """The values last accepted by Salesforce for one record."""

    team: TeamId
    record_id: RecordId
    entity: Entity
    rev: int = 0
    score: float
    last_engagement_date: str | None
    """ISO date in UTC."""
