"""How the capture of a team is doing, and what it costs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.documents.base import Document
from schemas.events import Entity, TeamId


class ApiUsage(Document):
    """What all our processes asked of a team's org on one day (UTC), by kind of call; `events` are delivered events
    (`own_events` those that our own write-back caused) and `tokens` granted access tokens: none is an API request.

    `allowed` and `remaining` are the org's daily API requests over the last 24 hours, as it told last.
    """

    team: TeamId
    day: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    rev: int = 0
    calls: dict[str, int] = Field(default_factory=dict)
    allowed: int | None = None
    remaining: int | None = None
    updated_at_ms: int = 0


class CheckResult(Document):
    """One check of a connection: what is so, and what an administrator must do; see `workers.core.preflight`."""

    check: str
    outcome: Literal["ok", "warning", "failed", "unknown"]
    says: str
    remedy: str = ""
    entity: Entity | None = None


class ChannelState(Document):
    """Where the capture of one channel stands; see `workers.core.capture.channel_status`."""

    state: str
    since_ms: int
    reason: str = ""
    polling: bool = False
    confirmed_ms: int | None = None
    lag_ms: int | None = None
    waiting: int = 0
    parked: int = 0
    reconnects: int = 0


class CaptureStatus(Document):
    """How the capture of a team is doing, as the worker that captures it last said."""

    team: TeamId
    rev: int = 0
    channels: dict[Entity, ChannelState] = Field(default_factory=dict)
    updated_at_ms: int = 0
    checks: tuple[CheckResult, ...] = ()
    checked_at_ms: int | None = None
