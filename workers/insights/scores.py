"""Takes in engagement scores: the latest of each subject is kept, also for people and accounts not known yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import ValidationError

from schemas.documents import Engagement
from schemas.events import Parked, Score
from workers.core.scores import UnusableScore, engagement_of
from workers.core.writeback import newest
from workers.ports import Message, Store, Unavailable
from workers.runtime.decode import parked, summary

ROUNDS = 20
"""Lost compare-and-swaps in a row: only another consumer of the same partition can cause one."""


class Teams:
    """Who may have scores. A team that was connected once stays known."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: set[str] = set()

    async def unknown(self, teams: Collection[str]) -> set[str]:
        """Raises Unavailable."""
        asked = set(teams) - self._known
        found = await self._store.connections.load([(team, team) for team in asked]) if asked else {}
        self._known |= {team for team, _ in found}
        return asked - self._known


def read(messages: Sequence[Message], now_ms: int) -> tuple[list[tuple[Message, Engagement]], list[Parked]]:
    """The scores, each with the message that brought it, and what is none."""
    scores: list[tuple[Message, Engagement]] = []
    refused: list[Parked] = []
    for message in messages:
        if not message.value:  # a tombstone: the platform forgot the subject; what Salesforce shows stays
            continue
        try:
            scores.append((message, engagement_of(Score.model_validate_json(message.value), now_ms)))
        except ValidationError as error:
            refused.append(parked(message, "malformed", summary(error), now_ms))
        except UnusableScore as error:
            refused.append(parked(message, "invalid", str(error), now_ms))
    return scores, refused


def of_unknown(scores: Sequence[tuple[Message, Engagement]], teams: Collection[str], now_ms: int) -> list[Parked]:
    return [
        parked(message, "invalid", f"there is no team {score.team}: it was never connected", now_ms)
        for message, score in scores
        if score.team in teams
    ]


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
