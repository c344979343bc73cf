"""Takes in the scores of platforms that have no Kafka, and puts them into the topic."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from schemas.events import TeamId
from workers.core.intake import sort
from workers.core.score_tokens import admits, parts_of
from workers.intake.metrics import ROWS
from workers.ports import Clock, Receipt, ScorePublisher, Store

_TEAM: TypeAdapter[str] = TypeAdapter(TeamId)


class Intake:
    """Implements `workers.ports.ScoresIntake`."""

    def __init__(self, store: Store, publisher: ScorePublisher, clock: Clock) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock

    async def admits(self, team: str, token: str) -> bool:
        """Looked up each time, so that a token that is revoked ends at once."""
        parts = parts_of(token)
        if parts is None or not _is_team(team):
            return False
        token_id, secret = parts
        known = (await self._store.score_tokens.load([(team, token_id)])).get((team, token_id))
        return known is not None and admits(known, secret)

    async def take(self, team: str, rows: Sequence[object]) -> Receipt:
        found = sort(team, rows, self._clock.now_ms())
        await self._publisher.scores(found.scores)
        ROWS.labels("accepted").inc(len(found.scores))
        ROWS.labels("rejected").inc(len(found.rejected))
        return Receipt(len(found.scores), found.rejected)


def _is_team(text: str) -> bool:
    try:
        _TEAM.validate_python(text)
    except ValidationError:
        return False
    return True
