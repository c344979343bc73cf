"""What the sessions of a shard share."""

from __future__ import annotations

from dataclasses import dataclass

from workers.capture.committer import Committer
from workers.capture.pace import Pace
from workers.ports import Clock, SalesforceOrgs, Store


@dataclass(frozen=True, slots=True)
class Context:
    orgs: SalesforceOrgs
    committer: Committer
    store: Store
    clock: Clock
    pace: Pace
