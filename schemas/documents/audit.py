"""Who edited what."""

from __future__ import annotations

from schemas.documents.base import Document
from schemas.events import TeamId


class Edit(Document):
    """One edit of a team's set-up, and the version that it made."""

    version: int
    at_ms: int
    who: str
    what: str


class AuditEntry(Document):
    """An edit, for ever."""

    team: TeamId
    entry_id: str
    rev: int = 0
    at_ms: int
    who: str
    what: str
