"""What the replies of a stream prove about channels that deliver nothing: up to when everything is known.

Without it the position of a channel that is never changed would grow old, and its events count as expired after 72
hours although there never were any.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from schemas.events import Entity, Position

MARGIN_MS = 5 * 60 * 1000
"""Off the moment of a reply: events are published some time after their commit (CDC guide, "General
Considerations")."""

EVERY_MS = 3 * 60 * 1000
"""Between two confirmations of a channel: each is a message in the compacted topic."""

TRUSTED_MS = 60 * 60 * 1000
"""A subscription that resumes further back may deliver nothing for hours although there are events (Salesforce article
005321562, replay after a burst): its silence proves nothing until an event has come."""


def confirmed_now(
    positions: Mapping[Entity, Position | None], delivered: Collection[Entity], answered_ms: int
) -> dict[Entity, int]:
    """The moments to commit for those of the subscribed channels where it is time, after a reply at `answered_ms`
    that left nothing behind. `delivered`: channels that have delivered since they were subscribed to."""
    moment_ms = answered_ms - MARGIN_MS
    return {
        entity: moment_ms
        for entity, position in positions.items()
        if (known_ms := _known_ms(position)) is None
        or (moment_ms - known_ms >= EVERY_MS and (entity in delivered or answered_ms - known_ms <= TRUSTED_MS))
    }


def _known_ms(position: Position | None) -> int | None:
    """None: never captured before, so that nothing can be missing. Positions of earlier versions tell no more than the
    commit time of their last event."""
    if position is None:
        return None
    return position.commit_time_ms if position.confirmed_ms is None else position.confirmed_ms


def is_fresh(oldest_commit_ms: int, answered_ms: int) -> bool:
    """Whether a reply brought only what has just happened: then nothing older is waiting behind it."""
    return answered_ms - oldest_commit_ms <= MARGIN_MS
