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
    compare_first: bool = False
    """Ask for the values that Salesforce has and write only those that differ: for orgs whose automation is dear."""
    fields: dict[Entity, InsightFields] = Field(default_factory=dict)
    edit: Edit | None = None
    """The last one; it is in the audit log before the next one is made."""


PartStep = Literal["creating", "created", "uploading", "completing", "processing", "settling", "writing", "settled"]
"""What is being done about a part, recorded before it is begun; `writing`: without a job, call by call."""


class WritebackPart(Document):
    """Rows of one entity that go to Salesforce together: those of a run from one place (`WritebackRow.place`) to
    another."""

    entity: Entity
    after: str
    until: str
    rows: int
    round: int = 0
    """0: rows as they were planned; above: those that failed for a passing reason before, once more."""
    step: PartStep
    written: str = ""
    """Of a part without a job: the place up to which a call may have been made."""
    began_at_ms: int
    with_job: bool = True
    fields: InsightFields = InsightFields()
    """What its rows are written to, whatever is named meanwhile."""


class WritebackRun(Document):
    """One team's export of changed insights for one local date; claimed by creating it."""

    team: TeamId
    run_id: str
    rev: int = 0
    state: Literal["running", "done", "failed"] = "running"
    released: bool = False
    """Its worker has stopped in order: whoever comes may go on at once."""
    started_at_ms: int
    finished_at_ms: int | None = None
    phase: Literal["planning", "comparing", "sending"] = "planning"
    parts: dict[str, WritebackPart] = Field(default_factory=dict)
    jobs: dict[str, str] = Field(default_factory=dict)
    """Bulk job id by part, recorded before the upload."""
    batches: int = 0
    """Of 10,000 records at most, as they count against the org's daily limit."""
    planned: int = 0
    sent: int = 0
    retried: int = 0
    """Rows that were sent more than once."""
    skipped: dict[str, int] = Field(default_factory=dict)
    """By reason: records that were looked at and not written."""
    rejections: dict[str, int] = Field(default_factory=dict)
    """Rejected rows by Salesforce's code."""
    calls_used: int = 0
    calls_saved: int = 0
    """API calls that a job per entity would have taken beyond those that were made."""
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
    sheet: int = 0
    """Which packs hold its rows: those of whoever has planned it to the end. One that was overtaken while it planned
    may leave others behind, which count for nothing."""


RowOutcomeName = Literal[
    "planned", "accepted", "same", "rejected", "retry", "unprocessed", "disabled", "postponed", "kept"
]
"""`same`: Salesforce had the values already. `retry`: failed for a passing reason, to be sent again in the same run.
`postponed`: left for the next one. `kept`: of an undo, somebody has changed the record since."""


class RowState(Document):
    """What became of a row."""

    outcome: RowOutcomeName = "planned"
    error: str | None = None
    code: str | None = None
    """Salesforce's, of the error."""
    round: int = 0
    """How often the row was sent again."""


class WritebackPack(Document):
    """Rows of one entity of a run that follow each other, as columns: what rests, and is written by compare-and-swap.

    A document for each row would cost more to store than Salesforce takes to write the record.
    """

    team: TeamId
    run_id: str
    sheet: int = 0
    place: str
    """Of the pack; those of its rows begin with it."""
    rev: int = 0
    entity: Entity
    record_ids: tuple[RecordId, ...]
    scores: tuple[float | None, ...]
    last_engagement_dates: tuple[str | None, ...]
    before_scores: tuple[float | None, ...]
    before_dates: tuple[str | None, ...]
    insight_revs: tuple[int, ...]
    state: RowState = RowState()
    """Of all rows but `others`."""
    others: dict[str, RowState] = Field(default_factory=dict)
    """By the place of the row in the pack."""


class WritebackRow(Document):
    """One row of a pack."""

    team: TeamId
    run_id: str
    record_id: RecordId
    entity: Entity
    score: float | None
    last_engagement_date: str | None
    outcome: RowOutcomeName = "planned"
    error: str | None = None
    code: str | None = None
    """Salesforce's, of the error."""
    place: str = ""
    """In the order of a run."""
    round: int = 0
    """How often the row was sent again."""
    before_score: float | None = None
    before_date: str | None = None
    """What Salesforce had when the row was planned, as far as the mirror knows: what an undo puts back."""
    insight_rev: int = 0
    """Of what Salesforce had last accepted of the record when the row was planned, 0 for nothing: saves to look it up
    again before it is written."""
