"""What a team's mirror needs now and then although nothing has happened to its stream."""

from __future__ import annotations

from schemas.events import Position
from workers.core.capture.channel_status import RETENTION_MS
from workers.core.capture.positions import OVERLAP_MS


def expires_soon(position: Position, now_ms: int, threshold_ms: int) -> int | None:
    """Since when to read because events that nobody has read expire within `threshold_ms`; None: there is time.

    A channel that waits for its replay id to be accepted, for its quota or for the network reads by queries instead.
    """
    if position.confirmed_ms is None or position.snapshot.state != "done":
        return None
    headroom_ms = RETENTION_MS - (now_ms - position.confirmed_ms)
    return position.confirmed_ms - OVERLAP_MS if headroom_ms < threshold_ms else None


def has_other_fields(position: Position, digest: str) -> bool:
    """Whether the last whole reading asked for other fields than there are now."""
    return position.snapshot.state == "done" and position.fields_digest not in (None, digest)
