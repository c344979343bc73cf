"""What a run of events comes to: changes to publish, events to park, records to read again, positions to move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from schemas.events import Change, Entity, Parked, Version
from schemas.topics import CHANGES
from workers.capture.committer import Move
from workers.core.capture.positions import EVERYTHING_AGAIN
from workers.core.normalize import Malformed, Reread, normalize, parked_event
from workers.ports import StreamEvent

EVENTS = 250
"""Events that are committed together at most. One event stays whole, however many records it names."""


@dataclass(slots=True)
class Digest:
    changes: list[Change] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    moves: dict[Entity, Move] = field(default_factory=dict)
    rereads: dict[Entity, dict[str, Version]] = field(default_factory=dict)
    """Records to read again, with the version of the event that says so: without them no position may move."""
    whole: set[Entity] = field(default_factory=set)
    """Entities of which everything must be read again."""
    owed: set[Entity] = field(default_factory=set)
    """Entities whose moves owe a reading, be it of everything."""
    malformed: list[bool] = field(default_factory=list)
    """Of each event, in order."""
    parked_of: Counter[Entity] = field(default_factory=Counter)
    first_malformed: dict[Entity, Parked] = field(default_factory=dict)

    def owe_since(self, entity: Entity, since_ms: int) -> None:
        self.moves[entity] = replace(self.moves[entity], due_since_ms=since_ms)
        self.owed.add(entity)


def digest(team: str, events: Sequence[StreamEvent]) -> Digest:
    result = Digest()
    for event in events:
        version = _take(result, team, event)
        earlier = result.moves.get(event.entity)
        if version is None and earlier:
            version = earlier.version
        commit_time_ms = version.commit_time_ms if version else None
        # Events come in the order of their commits, so that nothing before one of them is still to come.
        result.moves[event.entity] = Move(
            event.entity, event.replay_id, commit_time_ms, version, confirmed_ms=commit_time_ms
        )
    result.owed |= result.whole
    for entity in result.whole:
        result.moves[entity] = replace(result.moves[entity], snapshot=EVERYTHING_AGAIN)
    return result


def _take(result: Digest, team: str, event: StreamEvent) -> Version | None:
    """Of the event; None when it is not known."""
    normalized = normalize(team, event)
    result.malformed.append(isinstance(normalized, Malformed))
    if isinstance(normalized, Malformed):
        parked = parked_event(team, CHANGES[event.entity].name, event, normalized.reason)
        result.parked.append(parked)
        result.parked_of[event.entity] += 1
        result.first_malformed.setdefault(event.entity, parked)
        return None
    if isinstance(normalized, Reread):
        _note(result, event.entity, normalized)
    else:
        result.changes += normalized.changes
    return normalized.version


def _note(result: Digest, entity: Entity, reread: Reread) -> None:
    if not reread.record_ids:
        result.whole.add(entity)
    wanted = result.rereads.setdefault(entity, {})
    for record_id in reread.record_ids:
        wanted[record_id] = max(reread.version, wanted.get(record_id, reread.version))
