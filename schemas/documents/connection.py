"""A team's authorised Salesforce org."""

from __future__ import annotations

from typing import Literal

from schemas.documents.base import Document
from schemas.events import TeamId


class Connection(Document):
    """A team's authorised Salesforce org. `secret` is ciphertext bound to the team, never the token itself."""

    team: TeamId
    rev: int = 0
    org_id: str
    instance_url: str
    login_url: str
    client_id: str
    grant: Literal["authorization_code", "client_credentials", "jwt_bearer"]
    secret: str
    access: str | None = None
    """The current access token, as ciphertext too: one is enough for all processes."""
    refresh_until_ms: int | None = None
    """Until then one process alone asks for a new access token, and the others wait for it."""
    refused_secret: str | None = None
    """Fingerprint of a secret whose refresh token the org does not accept any more: nobody needs to try it again."""
    state: Literal["active", "needs_reconnect", "parked", "disabled"] = "active"
    """Parked: too much of what its org sent was malformed."""
    detail: str | None = None
    connected_at_ms: int
    time_zone: str = "UTC"
    """Of the org, as IANA names it."""
