"""Event buses for tests that are not about permissions."""

from __future__ import annotations

from sandbox.org.event_bus import EventBus
from sandbox.org.store import Org


def open_bus(org: Org) -> EventBus:
    """Every user may see everything."""
    return EventBus(org.events, org.objects(), org.config.cdc_entities, org.clock)
