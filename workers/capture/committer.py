"""One committer per shard: what arrives while a transaction is being committed is the next transaction.

No fixed wait: the cost is per transaction (some 25 ms), not per change. A position only ever moves in the transaction
that carries the changes before it, because both travel in one submission and submissions keep their order.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.events import Change, Entity, Parked, Position, Snapshot
from workers.capture import metrics
from workers.core.positions import position_after
from workers.ports import ChangeLog

TRANSACTION_CHANGES = 1000
"""Enough to fill a transaction: measured 1,000 changes commit in about the time of 500, and readers wait for all."""

PART_ROWS = 500
"""Rows of an import in one transaction: how long they can delay the stream's changes."""

PENDING_CHANGES = 2000
"""Changes of one team that wait for a commit; more make its session wait, and Salesforce keep what is next."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a submission does to a position; what is None stays."""

    entity: Entity
    replay_id: str | None = None
    commit_time_ms: int | None = None
    confirmed_ms: int | None = None
    """Never moves a position back."""
    snapshot: Snapshot | None = None
    snapshot_before: Snapshot | None = None
    """A step of a reading: taken only from here, since the reading may have been replaced by another one."""
    due_since_ms: int | None = None
    """What changed since then is to be read as well, by the present reading or after it."""
    forget_replay_id: bool = False
    swept: bool = False
    fields_digest: str | None = None

    def applied_to(self, position: Position) -> Position:
        return position_after(position, self)


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """Becomes visible whole, together with the moves of the team's positions."""

    team: str
    changes: tuple[Change, ...] = ()
    moves: tuple[Move, ...] = ()
    parked: tuple[Parked, ...] = ()


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    committed: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Committer:
    def __init__(self, log: ChangeLog, positions: Mapping[tuple[str, Entity], Position]) -> None:
        self._log = log
        self._positions = dict(positions)
        self._stream: deque[Submission] = deque()
        self._parts: deque[_Waiting] = deque()
        self._pending: Counter[str] = Counter()
        self._arrived = asyncio.Event()
        self._committed = asyncio.Condition()

    def committed(self, team: str, entity: Entity) -> Position | None:
        """None: nothing of this channel was ever committed."""
        return self._positions.get((team, entity))

    def position(self, team: str, entity: Entity) -> Position:
        """As last committed, or where a channel begins."""
        return self.committed(team, entity) or Position(team=team, entity=entity)

    async def submit(self, submission: Submission) -> None:
        """Queue what a stream delivered. Waits only while the team has too much queued."""
        async with self._committed:
            await self._committed.wait_for(lambda: self._pending[submission.team] < PENDING_CHANGES)
        self._pending[submission.team] += _weight(submission)
        self._stream.append(submission)
        self._arrived.set()

    async def commit(self, submission: Submission) -> None:
        """Queue a part of an import, and wait until it is committed. Streams go first."""
        waiting = _Waiting(submission)
        self._parts.append(waiting)
        self._arrived.set()
        try:
            await waiting.committed
        except asyncio.CancelledError:
            if waiting in self._parts:
                self._parts.remove(waiting)
            raise

    async def settled(self, team: str) -> None:
        """Wait until nothing that the team's stream submitted is left uncommitted."""
        async with self._committed:
            await self._committed.wait_for(lambda: self._pending[team] == 0)

    async def run(self) -> None:
        """Commit for ever. Raises what the log raises: nothing queued then is lost, since no position moved past it."""
        while True:
            await self._arrived.wait()
            streamed, part = self._take()
            if not self._stream and not self._parts:
                self._arrived.clear()
            if streamed or part:
                await self._append([*streamed, *([part.submission] if part else [])])
            if part and not part.committed.done():
                part.committed.set_result(None)
            async with self._committed:
                for submission in streamed:
                    self._pending[submission.team] -= _weight(submission)
                self._committed.notify_all()

    def _take(self) -> tuple[list[Submission], _Waiting | None]:
        streamed: list[Submission] = []
        changes = 0
        while self._stream and changes < TRANSACTION_CHANGES:
            streamed.append(self._stream.popleft())
            changes += _weight(streamed[-1])
        return streamed, self._parts.popleft() if self._parts else None

    async def _append(self, submissions: list[Submission]) -> None:
        changes = [change for s in submissions for change in s.changes]
        parked = [message for s in submissions for message in s.parked]
        moved: dict[tuple[str, Entity], Position] = {}
        for submission in submissions:
            for move in submission.moves:
                key = (submission.team, move.entity)
                moved[key] = move.applied_to(moved.get(key) or self.position(*key))
        with metrics.COMMIT_SECONDS.time():
            await self._log.append(changes, list(moved.values()), parked)
        self._positions |= moved
        _count(changes, len(parked))


def _weight(submission: Submission) -> int:
    """At least one, so that a flood of malformed events is bounded as well."""
    return max(1, len(submission.changes) + len(submission.parked))


def _count(changes: list[Change], parked: int) -> None:
    metrics.TRANSACTIONS.inc()
    metrics.PARKED.inc(parked)
    for (entity, kind), number in Counter((change.entity, change.kind) for change in changes).items():
        metrics.CHANGES.labels(entity, kind).inc(number)
