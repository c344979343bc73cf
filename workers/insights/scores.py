"""Takes in engagement scores: the latest of each subject is kept, also for people and accounts not known yet."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from schemas.documents import Engagement, Skip
from schemas.events import Parked, Score
from workers.core.identity import account_key, person_key
from workers.core.writeback import newest, storable
from workers.ports import Message, Store, Unavailable
from workers.runtime.decode import parked, summary

ROUNDS = 20
"""Lost compare-and-swaps in a row: only another consumer of the same partition can cause one."""

LARGEST_INTEGER = 2**63 - 1
"""JSON has no bound; the store keeps integers of 64 bits."""


class UnusableScore(Exception):
    """A well-formed score that no Salesforce record can ever take."""


def read(messages: Sequence[Message], now_ms: int) -> tuple[list[Engagement], list[Parked]]:
    scores: list[Engagement] = []
    refused: list[Parked] = []
    for message in messages:
        if not message.value:  # a tombstone: the platform forgot the subject; what Salesforce shows stays
            continue
        try:
            scores.append(engagement_of(Score.model_validate_json(message.value)))
        except ValidationError as error:
            refused.append(parked(message, "malformed", summary(error), now_ms))
        except UnusableScore as error:
            refused.append(parked(message, "invalid", str(error), now_ms))
    return scores, refused


def engagement_of(score: Score) -> Engagement:
    """Raises UnusableScore with the reason why the score can never be written back."""
    key = person_key(score.key) if score.subject == "person" else account_key(score.key)
    if isinstance(key, Skip):
        raise UnusableScore(f"{score.subject} key: {key.reason}")
    if (problem := storable(score.score, score.last_engagement_at_ms)) is not None:
        raise UnusableScore(problem)
    if abs(score.scored_at_ms) > LARGEST_INTEGER:
        raise UnusableScore("scored_at_ms is no time")
    return Engagement(
        team=score.team,
        subject=score.subject,
        key=key,
        score=score.score,
        last_engagement_at_ms=score.last_engagement_at_ms,
        scored_at_ms=score.scored_at_ms,
    )


async def keep(store: Store, scores: Sequence[Engagement]) -> None:
    """Write what is newer than what is stored; raises Unavailable."""
    todo = latest(scores)
    for _ in range(ROUNDS):
        if not todo:
            return
        stored = await store.engagement.load(todo)
        changed = [
            kept for key, arrived in todo.items() if (kept := newest(stored.get(key), arrived)) is not stored.get(key)
        ]
        losers = await store.engagement.swap(changed) if changed else []
        lost = {(each.team, engagement_id(each)) for each in losers}
        todo = {key: arrived for key, arrived in todo.items() if key in lost}
    raise Unavailable(f"{len(todo)} scores lost {ROUNDS} compare-and-swaps in a row")


def latest(scores: Sequence[Engagement]) -> dict[tuple[str, str], Engagement]:
    todo: dict[tuple[str, str], Engagement] = {}
    for score in scores:
        place = (score.team, engagement_id(score))
        if place not in todo or score.scored_at_ms > todo[place].scored_at_ms:
            todo[place] = score
    return todo


def engagement_id(engagement: Engagement) -> str:
    """The store's id of an engagement document: people and accounts share a collection."""
    return f"{engagement.subject}:{engagement.key}"
