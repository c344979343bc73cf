"""What lets an ad platform hand in scores over HTTP."""

from __future__ import annotations

from schemas.documents.base import Document
from schemas.events import TeamId


class ScoreToken(Document):
    """The right to hand in a team's scores. The token itself is known only to whoever it was shown to."""

    team: TeamId
    token_id: str
    rev: int = 0
    name: str
    """Who uses it, for people."""
    digest: str
    """SHA-256 of the secret, which is as random as the digest: nothing slower would make it harder to guess."""
    created_at_ms: int
    created_by: str = ""
    revoked_at_ms: int | None = None
    revoked_by: str = ""
