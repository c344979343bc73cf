"""What lets an ad platform use the scores API."""

from __future__ import annotations

from typing import Literal

from schemas.documents.base import Document
from schemas.events import TeamId

Scope = Literal["scores:write", "writeback:read"]
"""To hand scores in; to read what became of them, record ids and values included."""


class ScoreToken(Document):
    """The right to use the scores API for a team. The token itself is known only to whoever it was shown to."""

    team: TeamId
    token_id: str
    rev: int = 0
    name: str
    """Who uses it, for people."""
    scopes: tuple[Scope, ...] = ("scores:write",)
    digest: str
    """SHA-256 of the secret, which is as random as the digest: nothing slower would make it harder to guess."""
    created_at_ms: int
    created_by: str = ""
    revoked_at_ms: int | None = None
    revoked_by: str = ""
