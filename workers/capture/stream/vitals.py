"""What a session learns about its channels while it streams, kept from one connection to the next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from schemas.events import Entity
from workers.core.capture.poison import PoisonLimit

FIRST_LOOK_SECONDS = 30 * 60.0
"""One call of the API each time, 48 a day for a team that is silent."""


@dataclass(slots=True)
class Vitals:
    poison: PoisonLimit = field(default_factory=PoisonLimit)
    lag_ms: dict[Entity, int] = field(default_factory=dict)
    """From the commit in the org to the arrival here, of the last event."""
    arrived: int = 0
    """Events."""
    handling: Counter[Entity] = field(default_factory=Counter)
    """Events that have arrived and are not submitted yet."""
    parked: Counter[Entity] = field(default_factory=Counter)
    look_seconds: float = FIRST_LOOK_SECONDS
    """Until silence is compared with the org's own count: grows while that was in vain (`stuck`)."""
