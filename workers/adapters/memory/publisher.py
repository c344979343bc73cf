"""A `Publisher` that remembers what was published."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events import MembershipChange, Parked, Reevaluation, Score


class MemoryPublisher:
    def __init__(self) -> None:
        self.published_memberships: list[MembershipChange] = []
        self.published_reevaluations: list[Reevaluation] = []
        self.parked: list[Parked] = []
        self.published_scores: list[Score] = []

    async def memberships(self, changes: Sequence[MembershipChange]) -> None:
        self.published_memberships.extend(changes)

    async def reevaluations(self, commands: Sequence[Reevaluation]) -> None:
        self.published_reevaluations.extend(commands)

    async def park(self, messages: Sequence[Parked]) -> None:
        self.parked.extend(messages)

    async def scores(self, scores: Sequence[Score]) -> None:
        self.published_scores.extend(scores)
