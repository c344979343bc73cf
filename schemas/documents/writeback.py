"""How insights are written back, and the runs that did so."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.documents.audit import Edit
from schemas.documents.base import Document
from schemas.documents.rules import SourceField
from schemas.events import Entity, RecordId, TeamId

LocalTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Switch(Document):
    """Whether an entity's insights are written back, and who said so."""

    on: bool = True
    changed_at_ms: int | None = None
    changed_by: str = ""


class InsightFields(Document):
    """Where an entity's insights are written to."""

    score: SourceField = "Engagement_Score__c"
    date: SourceField = "Last_Engagement_Date__c"


class WritebackSettings(Document):
    """How a team's insights are written back; a team without this document has the defaults."""

    team: TeamId
    rev: int = 0
    switches: dict[Entity, Switch] = Field(default_factory=dict)
    at: LocalTime = "02:00"
    time_zone: str | None = None
    """IANA name; None: the org's own."""
    blackouts: tuple[tuple[LocalTime, LocalTime], ...] = ()
    dead_band: float = Field(0.0, ge=0)
    """A score that differs by no more from what Salesforce has is left alone."""
    fields: dict[Entity, InsightFields] = Field(default_factory=dict)
    edit: Edit | None = None
    """The last one; it is in the audit log before the next one is made."""


class WritebackRun(Document):
    """One team's export of changed insights for one local date; claimed by creating it."""

    team: TeamId
    run_id: str
    rev: int = 0
    state: Literal["running", "done", "failed"] = "running"
    started_at_ms: int
    finished_at_ms: int | None = None
    jobs: dict[str, str] = Field(default_factory=dict)
    """Bulk job id by entity, recorded before the upload."""
    planned: int = 0
    accepted: int = 0
    rejected: int = 0
    unprocessed: int = 0
    disabled: int = 0
    """Switched off while the run went on."""
    postponed: int = 0
    """Left for the next day, since the org's API allowance is used up."""
    kept: int = 0
    """Of an undo: changed by somebody since, and left alone."""
    undoes: str | None = None
    """The run whose values this one puts back."""
    detail: str | None = None


class WritebackRow(Document):
    team: TeamId
    run_id: str
    record_id: RecordId
    rev: int = 0
    entity: Entity
    score: float | None
    last_engagement_date: str | None
    outcome: Literal["planned", "accepted", "rejected", "unprocessed", "disabled", "postponed", "kept"] = "planned"
    error: str | None = None
    before_score: float | None = None
    before_date: str | None = None
    """What Salesforce had when the row was planned, as far as the mirror knows: what an undo puts back."""
