"""What happens to a position: replay ids and confirmed moments go forward, readings are owed until they are done."""

from __future__ import annotations

from typing import Protocol

from schemas.events import Position, Snapshot, Version

OVERLAP_MS = 600_000
"""SystemModstamp is set before the commit, so that a record may appear with a stamp that lies before records already
read: ten minutes is the longest that a Salesforce transaction may take."""

PENDING = Snapshot(state="pending")
"""Everything, as at the first import."""

EVERYTHING_AGAIN = Snapshot(state="pending", sweep=True)


class Move(Protocol):
    """`workers.capture.committer.Move`, as far as it is needed here; what is None stays."""

    @property
    def replay_id(self) -> str | None: ...
    @property
    def commit_time_ms(self) -> int | None: ...
    @property
    def version(self) -> Version | None: ...
    @property
    def confirmed_ms(self) -> int | None: ...
    @property
    def snapshot(self) -> Snapshot | None: ...
    @property
    def snapshot_before(self) -> Snapshot | None: ...
    @property
    def due_since_ms(self) -> int | None: ...
    @property
    def forget_replay_id(self) -> bool: ...
    @property
    def swept(self) -> bool: ...
    @property
    def fields_digest(self) -> str | None: ...


def position_after(position: Position, move: Move) -> Position:
    update: dict[str, object] = {}
    if move.replay_id is not None or move.forget_replay_id:
        update["replay_id"] = move.replay_id
    if move.commit_time_ms is not None:
        update["commit_time_ms"] = move.commit_time_ms
    if move.version is not None:
        update["version"] = move.version
    if move.confirmed_ms is not None:
        update["confirmed_ms"] = latest(position.confirmed_ms, move.confirmed_ms)
    if move.fields_digest is not None:
        update["fields_digest"] = move.fields_digest
    if move.swept:
        update["sweep_due"] = False
    moved = position.model_copy(update=update) if update else position
    if move.snapshot is not None and move.snapshot_before in (None, position.snapshot):
        moved = _reading_at(moved, move.snapshot)
    if move.due_since_ms is not None:
        moved = moved.model_copy(update={"due_since_ms": earliest(moved.due_since_ms, move.due_since_ms)})
    return _with_next_reading(moved)


def _reading_at(position: Position, snapshot: Snapshot) -> Position:
    update: dict[str, object] = {"snapshot": snapshot}
    if snapshot.state == "done" and snapshot.began_ms is not None:
        if covers_gap(position, snapshot):
            update["confirmed_ms"] = latest(position.confirmed_ms, snapshot.began_ms - OVERLAP_MS)
        update["sweep_due"] = position.sweep_due or snapshot.sweep
    return position.model_copy(update=update)


def covers_gap(position: Position, snapshot: Snapshot) -> bool:
    """Whether the reading leaves nothing unread between the confirmed moment and its own beginning."""
    if snapshot.since_ms is None:
        return True
    return position.confirmed_ms is not None and snapshot.since_ms <= position.confirmed_ms


def _with_next_reading(position: Position) -> Position:
    """A reading that has not begun also covers what is due; one that is done makes way for it."""
    due, snapshot = position.due_since_ms, position.snapshot
    if due is None or snapshot.state == "running":
        return position
    if snapshot.state == "done":
        snapshot = Snapshot(state="pending", since_ms=due)
    elif snapshot.since_ms is not None:
        snapshot = snapshot.model_copy(update={"since_ms": min(snapshot.since_ms, due)})
    return position.model_copy(update={"snapshot": snapshot, "due_since_ms": None})


def latest(known: int | None, moment: int) -> int:
    return moment if known is None else max(known, moment)


def earliest(known: int | None, moment: int) -> int:
    return moment if known is None else min(known, moment)
