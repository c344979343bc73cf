"""Long work, with its progress."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.documents.base import Document
from schemas.events import Entity, RecordId, TeamId


class ReadRequest(Document):
    """What of an entity is to be read again: the records named, else what changed since a moment, else all."""

    entity: Entity
    since_ms: int | None = None
    ids: tuple[RecordId, ...] = ()
    list_id: str | None = None
    """The list to compare with the org."""
    living_only: bool = False
    """Of the records named, those that are deleted are passed over: their events tell."""
    dry_run: bool = False
    """Only count what would be read."""
    confirmed: bool = False
    """A person has agreed to what the job would not do by itself."""


class Job(Document):
    """A piece of long work with its progress, for people to look at.

    One with a `request` is work for the capture process that owns the team; `pending` and `running` are open.
    """

    team: TeamId
    job_id: str
    rev: int = 0
    kind: Literal["import", "replay", "backfill", "sweep", "reconcile", "list", "rules"]
    state: Literal["pending", "running", "needs_confirmation", "done", "failed"]
    request: ReadRequest | None = None
    done: int = 0
    total: int | None = None
    detail: str | None = None
    report: dict[str, int] = Field(default_factory=dict)
    """What came of it, counted."""
    refusals: int = 0
    """By the org; see `workers.core.capture.refused_jobs`."""
    not_before_ms: int | None = None
    """When it is tried again."""
    updated_at_ms: int
    finished_at_ms: int | None = None
    """Of a comparison of a list: when the last one ended."""
