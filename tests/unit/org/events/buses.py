"""Event buses for tests that are not about permissions."""

from __future__ import annotations

from sandbox.org.events.bus import EventBus
from sandbox.org.store.org import Org


def open_bus(org: Org) -> EventBus:
    """Every user may see everything."""
    return EventBus(org.events, org.objects(), org.config.cdc_entities, org.clock)
