"""What a session learns about its channels while it streams, kept from one connection to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.events import Entity
from workers.core.poison import PoisonLimit


@dataclass(slots=True)
class Vitals:
    poison: PoisonLimit = field(default_factory=PoisonLimit)
    lag_ms: dict[Entity, int] = field(default_factory=dict)
    """From the commit in the org to the arrival here, of the last event."""
