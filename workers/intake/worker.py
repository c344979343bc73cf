"""Takes in the scores of platforms that have no Kafka, and puts them into the topic."""

from __future__ import annotations

from collections.abc import Sequence

from workers.core.intake import sort
from workers.intake.metrics import ROWS
from workers.ports import Clock, Receipt, ScorePublisher


class Intake:
    """Implements `workers.ports.ScoresIntake`."""

    def __init__(self, publisher: ScorePublisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock

    async def take(self, team: str, rows: Sequence[object]) -> Receipt:
        found = sort(team, rows, self._clock.now_ms())
        await self._publisher.scores(found.scores)
        ROWS.labels("accepted").inc(len(found.scores))
        ROWS.labels("rejected").inc(len(found.rejected))
        return Receipt(len(found.scores), found.rejected)
