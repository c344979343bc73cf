"""Scores, and what Salesforce has accepted of them."""

from __future__ import annotations

from typing import Literal

from schemas.documents.base import Document
from schemas.documents.rules import SourceField
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
    score_field: SourceField = "Engagement_Score__c"
    date_field: SourceField = "Last_Engagement_Date__c"
    """Where they were written to: when a team names other fields, everything is written there."""
