"""From the ad platform's score to what is kept of it, and which scores nobody can use."""

from __future__ import annotations

from schemas.documents import Engagement, Skip
from schemas.events import Score
from workers.core.identity import account_key, person_key
from workers.core.writeback.values import DAY_MS, storable

AHEAD_MS = DAY_MS
"""How far another clock may be ahead of ours. A score of the year 2262 would win against every later one for ever."""


class UnusableScore(Exception):
    """A well-formed score that no Salesforce record can ever take."""


def engagement_of(score: Score, now_ms: int) -> Engagement:
    """Under the normal form of its key. Raises UnusableScore with the reason why it can never be written back."""
    key = person_key(score.key) if score.subject == "person" else account_key(score.key)
    if isinstance(key, Skip):
        raise UnusableScore(f"{score.subject} key: {key.reason}")
    if (problem := storable(score.score, score.last_engagement_at_ms)) is not None:
        raise UnusableScore(problem)
    for name, at_ms in (("last_engagement_at_ms", score.last_engagement_at_ms), ("scored_at_ms", score.scored_at_ms)):
        if at_ms is not None and at_ms > now_ms + AHEAD_MS:
            raise UnusableScore(f"{name} lies in the future (milliseconds since 1970 are expected)")
    if score.scored_at_ms < 0:
        raise UnusableScore("scored_at_ms is no time")
    return Engagement(
        team=score.team,
        subject=score.subject,
        key=key,
        score=score.score,
        last_engagement_at_ms=score.last_engagement_at_ms,
        scored_at_ms=score.scored_at_ms,
    )
