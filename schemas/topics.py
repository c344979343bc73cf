"""The topics, as data: key, partitions, cleanup and retention (design section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.events import Entity

DAY_MS = 86_400_000

SHARDS = 64
"""Partitions of the positions topic. Fixed for ever: a team's shard, and with it its fencing, follows from it."""


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    partitions: int
    cleanup: Literal["delete", "compact", "compact,delete"]
    retention_ms: int | None = None

    @property
    def config(self) -> dict[str, str]:
        retention = {} if self.retention_ms is None else {"retention.ms": str(self.retention_ms)}
        return {"cleanup.policy": self.cleanup, **retention}


CHANGES: dict[Entity, Topic] = {
    "contact": Topic("salesforce.contact.changes", 6, "delete", 30 * DAY_MS),
    "lead": Topic("salesforce.lead.changes", 6, "delete", 30 * DAY_MS),
    "account": Topic("salesforce.account.changes", 6, "delete", 30 * DAY_MS),
}
POSITIONS = Topic("capture.positions", SHARDS, "compact")
REEVALUATIONS = Topic("routing.reevaluations", 6, "delete", 7 * DAY_MS)
MEMBERSHIPS = Topic("routing.memberships", 6, "compact,delete", 30 * DAY_MS)
PARKED = Topic("routing.parked", 3, "delete", 30 * DAY_MS)
SCORES = Topic("engagement.scores", 6, "compact")

ALL: tuple[Topic, ...] = (*CHANGES.values(), POSITIONS, REEVALUATIONS, MEMBERSHIPS, PARKED, SCORES)
