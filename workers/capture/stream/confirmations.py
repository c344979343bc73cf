"""Moves positions of channels that deliver nothing, now and then, by what the replies of the stream prove."""

from __future__ import annotations

from collections.abc import Collection

from schemas.events import Entity
from workers.capture.committer import Committer, Move, Submission
from workers.core.capture.completeness import confirmed_now, is_fresh
from workers.ports import StreamBatch


class Confirmations:
    """Of one connection; `channels` are those that it subscribed to."""

    def __init__(self, team: str, committer: Committer, channels: Collection[Entity]) -> None:
        self._team = team
        self._committer = committer
        self._channels = channels
        self._delivered: set[Entity] = set()

    async def after(self, batch: StreamBatch, last_commits_ms: dict[Entity, int]) -> None:
        """Once a batch is submitted. `last_commits_ms`: of its events, by channel."""
        self._delivered |= last_commits_ms.keys()
        if batch.answered_ms is None or not all(is_fresh(ms, batch.answered_ms) for ms in last_commits_ms.values()):
            return
        silent = [entity for entity in self._channels if entity not in last_commits_ms]
        positions = {entity: self._committer.committed(self._team, entity) for entity in silent}
        due = confirmed_now(positions, self._delivered, batch.answered_ms)
        if due:
            moves = tuple(Move(entity, confirmed_ms=moment_ms) for entity, moment_ms in due.items())
            await self._committer.submit(Submission(self._team, moves=moves))
