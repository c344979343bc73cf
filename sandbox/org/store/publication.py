"""From a transaction's events to the log, by way of the faults that keep some of them from arriving as they should."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.org.events.change_events import ChangeEvent
from sandbox.org.events.channels import Member
from sandbox.org.events.log import EventLog
from sandbox.org.faults.plan import FaultPlan, FaultSpec
from sandbox.org.ledger.ledger import Ledger
from sandbox.org.rows.writes import Row


@dataclass(frozen=True, slots=True)
class Publication:
    """An event that subscribers can read."""

    event: ChangeEvent
    replay_id: int
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Outgoing:
    event: ChangeEvent
    # Custom channels that carry it, with the fields they add.
    custom: Mapping[str, Row]


@dataclass(slots=True, eq=False)
class _Held:
    outgoing: _Outgoing
    # Published after this many other events, or at a moment of the org's clock; neither: when it is released.
    events_to_pass: int | None = None
    due_seconds: float | None = None


class Publisher:
    """Publishes events in order, unless a fault is planned."""

    def __init__(
        self,
        log: EventLog,
        members: Mapping[str, Sequence[Member]],
        faults: FaultPlan,
        ledger: Ledger,
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._members = members
        self._faults = faults
        self._ledger = ledger
        self._clock = clock
        self._held: list[_Held] = []
        #: Channels with new events since they were last drained.
        self._touched: set[str] = set()

    def publish(self, event: ChangeEvent, rows: Sequence[Row]) -> Publication | None:
        """Publish an event of these records; None when a fault holds it back or makes it vanish."""
        outgoing = _Outgoing(event, self._custom(event, rows))
        fault = None if self._faults.idle else self._fault(event)
        publication = self._send(outgoing) if fault is None else self._misbehave(outgoing, fault)
        if self._held:
            self._let_pass()
        return publication

    def release(self) -> int:
        """Publish what is held back, oldest first; how many events that were."""
        held, self._held = self._held, []
        for one in held:
            self._send_late(one.outgoing)
        return len(held)

    def release_due(self) -> int:
        """Publish what is held back until now; how many events that were."""
        now = self._clock()
        due = [one for one in self._held if one.due_seconds is not None and one.due_seconds <= now]
        self._held = [one for one in self._held if one not in due]
        for one in due:
            self._send_late(one.outgoing)
        return len(due)

    @property
    def next_due_seconds(self) -> float | None:
        """When the first of the held events is to be published, by the org's clock."""
        return min((one.due_seconds for one in self._held if one.due_seconds is not None), default=None)

    @property
    def held(self) -> int:
        return len(self._held)

    def drain_touched(self) -> frozenset[str]:
        touched, self._touched = frozenset(self._touched), set()
        return touched

    def _custom(self, event: ChangeEvent, rows: Sequence[Row]) -> dict[str, Row]:
        extras = ((one.path, one.enrichment(event, rows)) for one in self._members.get(event.entity, ()))
        return {path: extra for path, extra in extras if extra is not None}

    def _fault(self, event: ChangeEvent) -> FaultSpec | None:
        kinds = ("drop-event", "duplicate-event", "reorder-event", "late-event", "gap-event")
        record_id = event.record_ids[0] if event.record_ids else ""
        return self._faults.take(*kinds, entity=event.entity, change_type=event.change_type, record_id=record_id)

    def _misbehave(self, outgoing: _Outgoing, fault: FaultSpec) -> Publication | None:
        match fault.kind:
            case "gap-event":
                return self._send(_Outgoing(outgoing.event.as_gap(), outgoing.custom))
            case "duplicate-event":
                self._send(outgoing)
                return self._send(outgoing)
            case "reorder-event":
                # This event itself passes too.
                self._held.append(_Held(outgoing, events_to_pass=2))
            case "late-event":
                seconds = fault.seconds(0)
                self._held.append(_Held(outgoing, due_seconds=self._clock() + seconds if seconds else None))
            case _:
                pass  # drop-event: never published
        return None

    def _let_pass(self) -> None:
        for one in self._held:
            if one.events_to_pass is not None:
                one.events_to_pass -= 1
        due = [one for one in self._held if one.events_to_pass == 0]
        self._held = [one for one in self._held if one.events_to_pass != 0]
        for one in due:
            self._send_late(one.outgoing)

    def _send_late(self, outgoing: _Outgoing) -> None:
        published, event = self._send(outgoing), outgoing.event
        self._ledger.count_changes(event.entity, event.record_ids)
        detail = {"entity": event.entity, "recordIds": event.record_ids, "replayId": published.replay_id}
        self._faults.note("event-published-late", detail)

    def _send(self, outgoing: _Outgoing) -> Publication:
        event = outgoing.event
        replay_id = self._log.publish(event, outgoing.custom)
        channels = (*self._log.channels_of(event.entity), *outgoing.custom)
        self._ledger.count_event(event.entity)
        self._touched.update(channels)
        return Publication(event, replay_id, channels)
