"""Faults on the way from the server to a CometD client: the events of one reply."""

from __future__ import annotations

from sandbox.org.faults.plan import FaultPlan
from sandbox.org.streaming.sessions import Session


def disturbed(events: list[bytes], session: Session, faults: FaultPlan) -> list[bytes]:
    """The events of a reply as the client gets them. The server takes all of them for delivered."""
    if faults.idle or not events:
        return events
    kinds = ("lost-delivery", "repeated-delivery", "shuffled-delivery")
    fault = faults.take(*kinds, client=session.client_id, events=str(len(events)))
    match fault.kind if fault else "":
        case "lost-delivery":
            return []
        case "repeated-delivery":
            return [*events, *events]
        case "shuffled-delivery":
            return events[::-1]
    return events
