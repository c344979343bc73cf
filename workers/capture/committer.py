"""One committer per shard: what arrives while a transaction is being committed is the next transaction.

No fixed wait: the cost is per transaction (some 25 ms), not per change. A position only ever moves in the transaction
that carries the changes before it, because both travel in one submission and submissions keep their order.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.events import Change, Entity, Parked, Position, Snapshot, Version
from workers.capture import metrics
from workers.core.capture.positions import position_after
from workers.ports import ChangeLog

WEIGHT_BYTES = 4096
"""A submission weighs one for each change, or for each 4 KiB where changes are large."""

TRANSACTION_WEIGHT = 1000
"""Closes a transaction. Measured: 1,000 changes commit in about the time of 500, and readers wait for all."""

TEAM_WEIGHT = 500
"""Of one team in one transaction while the shard has others: how long a flood of one can delay an event of another."""

PART_ROWS = 1000
"""Rows of an import in one transaction: as TRANSACTION_CHANGES."""

PENDING_WEIGHT = 2000
"""Of one team, waiting for a commit; more makes its session wait, and Salesforce keep what is next. At 8 MiB a team it
also bounds memory while Kafka is slow or down."""

CHANGE_BYTES = 500
"""Of an encoded change besides its texts: names, numbers, version, ids."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a submission does to a position; what is None stays."""

    entity: Entity
    replay_id: str | None = None
    commit_time_ms: int | None = None
    version: Version | None = None
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
    weight: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _weight(self.changes, self.parked))


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    committed: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Committer:
    def __init__(self, log: ChangeLog, positions: Mapping[tuple[str, Entity], Position]) -> None:
        self._log = log
        self._positions = dict(positions)
        self._streams: dict[str, deque[Submission]] = {}
        """By team, whose turn it is first."""
        self._teams: set[str] = set()
        self._parts: deque[_Waiting] = deque()
        self._pending: Counter[str] = Counter()
        self._committing: list[Submission] = []
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
            await self._committed.wait_for(lambda: self._pending[submission.team] < PENDING_WEIGHT)
        self._pending[submission.team] += submission.weight
        self._streams.setdefault(submission.team, deque()).append(submission)
        self._teams.add(submission.team)
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

    def waiting(self, team: str) -> Counter[Entity]:
        """Changes that the team's stream submitted and that are not committed."""
        submissions = [*self._streams.get(team, ()), *(s for s in self._committing if s.team == team)]
        return Counter(change.entity for submission in submissions for change in submission.changes)

    async def run(self) -> None:
        """Commit for ever. Raises what the log raises: nothing queued then is lost, since no position moved past it."""
        while True:
            await self._arrived.wait()
            streamed, part = self._take()
            self._committing = streamed
            if not self._streams and not self._parts:
                self._arrived.clear()
            if streamed or part:
                await self._append([*streamed, *([part.submission] if part else [])])
            self._committing = []
            if part and not part.committed.done():
                part.committed.set_result(None)
            async with self._committed:
                for submission in streamed:
                    self._pending[submission.team] -= submission.weight
                self._committed.notify_all()

    def _take(self) -> tuple[list[Submission], _Waiting | None]:
        return list(self._streamed()), self._parts.popleft() if self._parts else None

    def _streamed(self) -> Iterator[Submission]:
        """One submission of each team in turn, until the transaction is full."""
        share = TEAM_WEIGHT if len(self._teams) > 1 else TRANSACTION_WEIGHT
        left, shares = TRANSACTION_WEIGHT, Counter[str]()
        turn = deque(self._streams)
        while turn and left > 0:
            team = turn.popleft()
            queue = self._streams.pop(team)
            submission = queue.popleft()
            left -= submission.weight
            shares[team] += submission.weight
            yield submission
            if queue:
                self._streams[team] = queue  # behind all others, also in the next transaction
                if shares[team] < share:
                    turn.append(team)

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


def _weight(changes: Sequence[Change], parked: Sequence[Parked]) -> int:
    """At least one, so that a flood of malformed events is bounded as well."""
    size_bytes = sum(len(message.payload) for message in parked) + sum(map(_size_bytes, changes))
    return max(1, len(changes) + len(parked), size_bytes // WEIGHT_BYTES)


def _size_bytes(change: Change) -> int:
    """Roughly: exact would be to encode it twice."""
    return CHANGE_BYTES + sum(len(value) for value in change.fields.values() if isinstance(value, str))


def _count(changes: list[Change], parked: int) -> None:
    metrics.TRANSACTIONS.inc()
    metrics.PARKED.inc(parked)
    for (entity, kind), number in Counter((change.entity, change.kind) for change in changes).items():
        metrics.CHANGES.labels(entity, kind).inc(number)
