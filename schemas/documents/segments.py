"""A team's segments."""

from __future__ import annotations

from typing import Literal

from schemas.documents.audit import Edit
from schemas.documents.base import Document
from schemas.events import TeamId


class Handwork(Document):
    """Members to put into a segment, or to take out, by hand."""

    keys: tuple[str, ...]
    put: bool
    who: str
    at_ms: int


class Segment(Document):
    team: TeamId
    segment_id: str
    rev: int = 0
    name: str
    kind: Literal["people", "accounts"]
    created_at_ms: int
    edits: int = 0
    edit: Edit | None = None
    """The last one; it is in the audit log before the next one is made."""
    deleted: bool = False
    handwork: Handwork | None = None
    """Begun and perhaps not finished; the next one on this segment finishes it first."""
