"""A team's change events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.events import Entity
from workers.core.capture.session_machine import Refusal, Trouble
from workers.ports.errors import Unavailable


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One CometD data message as it came: `channel`, `data.payload`, `data.event.replayId`."""

    entity: Entity
    replay_id: str
    payload: Mapping[str, Any]
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """What one or more answered polls brought."""

    events: Sequence[StreamEvent] = ()
    refused: Mapping[Entity, Refusal] = field(default_factory=dict)
    """Of the first batch: the channels that could not be had. The others stream."""
    answered_ms: int | None = None
    """The server's time of the last reply. With no events it ends a poll that was held for as long as polls are."""


class StreamEnded(Unavailable):
    """The session is over, or could not begin; `trouble` decides what is done about it."""

    def __init__(self, reason: str, trouble: Trouble, entities: frozenset[Entity] = frozenset()) -> None:
        super().__init__(reason)
        self.trouble = trouble
        self.entities = entities


class ChangeStream(Protocol):
    """One CometD session of one team."""

    def events(self, positions: Mapping[Entity, str | None]) -> AsyncIterator[StreamBatch]:
        """Subscribe after the given replay ids (None: new events only) and yield what arrives, in order, in batches.

        The first yield has no events: it says that the session is up, and which channels were refused. Never moves a
        position by itself. While the caller is busy at most a bounded number of events waits; then no poll is sent.
        Raises `StreamEnded`, or `Refused` when the authorisation is gone.
        """
