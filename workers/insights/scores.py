"""Takes in engagement scores: the latest of each subject is kept, also for people and accounts not known yet."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from schemas.documents import Engagement
from schemas.events import Parked, Score
from workers.core.scores import UnusableScore, engagement_of
from workers.core.writeback import newest
from workers.ports import Message, Store, Unavailable
from workers.runtime.decode import parked, summary

ROUNDS = 20
"""Lost compare-and-swaps in a row: only another consumer of the same partition can cause one."""


def read(messages: Sequence[Message], now_ms: int) -> tuple[list[Engagement], list[Parked]]:
    scores: list[Engagement] = []
    refused: list[Parked] = []
    for message in messages:
        if not message.value:  # a tombstone: the platform forgot the subject; what Salesforce shows stays
            continue
        try:
            scores.append(engagement_of(Score.model_validate_json(message.value), now_ms))
        except ValidationError as error:
            refused.append(parked(message, "malformed", summary(error), now_ms))
        except UnusableScore as error:
            refused.append(parked(message, "invalid", str(error), now_ms))
    return scores, refused


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
