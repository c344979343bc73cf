"""What is told of write-back runs and their rows: by the API, and by the command line with `--json`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.documents import RowOutcomeName
from schemas.events import Entity


class Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunReport(Report):
    """A run and its figures. While it goes on, its figures may be those so far."""

    team: str
    run_id: str = Field(description="The local date that the run is of, followed by more for runs begun by hand.")
    state: Literal["running", "done", "failed"]
    phase: Literal["planning", "comparing", "sending"] | None = Field(description="Null when the run has ended.")
    undoes: str | None = Field(description="The run whose values this one puts back.")
    started_at_ms: int = Field(description="Milliseconds since 1970.")
    finished_at_ms: int | None
    duration_ms: int | None
    planned: int = Field(description="Rows whose values differ from what Salesforce has.")
    sent: int
    accepted: int
    rejected: int
    retried: int = Field(description="Rows that were sent more than once.")
    unprocessed: int = Field(description="Rows that Salesforce has not looked at; the run has failed.")
    disabled: int = Field(description="Rows left since their entity was switched off meanwhile.")
    postponed: int = Field(description="Rows left for the next run, since our share of the day's calls is used up.")
    kept: int = Field(description="Of an undo: rows left since somebody has changed the record.")
    waiting: int = Field(description="Rows that have no outcome yet; 0 when the run has ended.")
    skipped: dict[str, int] = Field(description="Scores and records that led to no row, by reason.")
    rejections: dict[str, int] = Field(description="Rejected rows by Salesforce's code.")
    remedies: dict[str, str] = Field(description="What to do about each of these codes.")
    calls_used: int = Field(description="API calls.")
    calls_saved: int = Field(description="API calls that a job for each object would have taken beyond those.")
    jobs: dict[str, str] = Field(description="Ids of Bulk API 2.0 jobs, by part of the run.")
    detail: str | None = Field(description="Why the run failed.")


class RowReport(Report):
    """What became of one record in one run."""

    run_id: str
    record_id: str
    entity: Entity
    score: float | None
    last_engagement_date: str | None
    before_score: float | None = Field(description="What Salesforce had before, as far as it was known.")
    before_date: str | None
    outcome: RowOutcomeName
    code: str | None = Field(description="Salesforce's, of the error.")
    error: str | None = Field(description="As Salesforce worded it: `CODE:message:fields --`.")
    remedy: str = Field(description="What to do about the error; empty when there is none.")
    sent_again: int = Field(description="How often the row was sent again.")
