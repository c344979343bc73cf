"""Puts right what a transport may do to the events of a channel: bring a reply twice, or in the wrong order.

A position is the replay id of the last event of a transaction, so an order that is not the org's would move it past
events that are still to be committed. Replay ids are opaque: they are compared only where commits tell the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from schemas.events import Entity

REMEMBERED = 5_000
"""Events; a reply that comes again comes soon, and Salesforce sends at most some hundred at once."""


class Event(Protocol):
    """`workers.ports.StreamEvent`, as far as it is needed here."""

    @property
    def entity(self) -> Entity: ...
    @property
    def replay_id(self) -> str: ...
    @property
    def payload(self) -> Mapping[str, Any]: ...


E = TypeVar("E", bound=Event)


class Arrivals:
    """Of one connection."""

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()
        self._order: deque[Hashable] = deque()

    def news(self, events: Sequence[E]) -> list[E]:
        """The events that were not seen before, as the org ordered them."""
        return in_order([event for event in events if self._is_new(event)])

    def _is_new(self, event: Event) -> bool:
        """An id alone may come again after an org has moved to another instance; not with the same transaction."""
        header = _header(event)
        key = (event.entity, event.replay_id, str(header.get("transactionKey")), str(header.get("sequenceNumber")))
        if not header or key in self._seen:
            return not header
        self._seen.add(key)
        self._order.append(key)
        if len(self._order) > REMEMBERED:
            self._seen.discard(self._order.popleft())
        return True


def in_order(events: list[E]) -> list[E]:
    """As they came, unless the replay ids of a channel fall and the order of commits says the same."""
    if _ascending(events):
        return events
    committed = sorted(events, key=_commit)
    return committed if _ascending(committed) else events


def _ascending(events: Sequence[Event]) -> bool:
    last: dict[Entity, int] = {}
    for event in events:
        if not event.replay_id.isdecimal():
            continue
        replay_id = int(event.replay_id)
        if replay_id < last.get(event.entity, 0):
            return False
        last[event.entity] = replay_id
    return True


def _commit(event: Event) -> tuple[int, ...]:
    header = _header(event)
    parts = (header.get(name) for name in ("commitTimestamp", "commitNumber", "sequenceNumber"))
    return tuple(part if isinstance(part, int) else 0 for part in parts)


def _header(event: Event) -> Mapping[str, Any]:
    header = event.payload.get("ChangeEventHeader")
    return header if isinstance(header, Mapping) else {}
