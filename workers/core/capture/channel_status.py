"""Where the capture of one channel of one team stands: for people, and for whoever watches over many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from schemas.events import Entity

SessionState: TypeAlias = Literal[
    "connecting",
    "streaming",
    "stalled",
    "reauthenticating",
    "replay_refused",
    "quota_exceeded",
    "forbidden",
    "parked",
    "stopping",
]

TOLD_EVERY_MS = 60 * 60 * 1000
"""A worker tells the status of its teams at least so often, also when nothing has changed: silence means trouble."""

RETENTION_MS = 72 * 60 * 60 * 1000
"""How long Salesforce keeps a change event (CDC guide, "Change Event Storage")."""


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    team: str
    entity: Entity
    state: SessionState
    since_ms: int
    """When the state began."""
    reason: str = ""
    """Why it is not streaming, in words for an administrator."""
    polling: bool = False
    """Kept in sync by queries, since its events cannot be had."""
    confirmed_ms: int | None = None
    """Moment of the org up to which every change is committed."""
    lag_ms: int | None = None
    """From the commit in the org to the arrival at the worker, of the last event."""
    waiting: int = 0
    """Events and changes that have arrived and are not committed yet."""
    parked: int = 0
    """Events set aside as malformed since the worker took the team over."""
    reconnects: int = 0

    def headroom_ms(self, now_ms: int) -> int | None:
        """Until unread events expire; None before anything was confirmed, negative when some may be gone."""
        return None if self.confirmed_ms is None else RETENTION_MS - (now_ms - self.confirmed_ms)

    def late_ms(self, now_ms: int) -> int | None:
        """How far the channel may lie behind the org."""
        return None if self.confirmed_ms is None else max(0, now_ms - self.confirmed_ms)
