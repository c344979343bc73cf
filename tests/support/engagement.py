"""Engagement scores as insights has kept them."""

from __future__ import annotations

from schemas.documents import Engagement
from workers.ports import Store


async def rescored(
    store: Store, team: str, subject: str, key: str, score: float, at_ms: int | None, scored_at_ms: int = 1
) -> None:
    """Give a person or an account this score, whatever it had before."""
    place = (team, f"{subject}:{key}")
    stored = (await store.engagement.load([place])).get(place)
    engagement = Engagement.model_validate(
        {
            "team": team,
            "subject": subject,
            "key": key,
            "rev": stored.rev if stored else 0,
            "score": score,
            "last_engagement_at_ms": at_ms,
            "scored_at_ms": scored_at_ms,
        }
    )
    assert not await store.engagement.swap([engagement])
