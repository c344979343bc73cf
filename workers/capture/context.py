"""What the sessions of a shard share."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.capture.committer import Committer
from workers.capture.noticed.bell import Bells
from workers.capture.noticed.board import JobBoard
from workers.capture.pace import Pace
from workers.ports import Clock, Publisher, SalesforceOrgs, Store


@dataclass(frozen=True, slots=True)
class Context:
    orgs: SalesforceOrgs
    committer: Committer
    store: Store
    clock: Clock
    pace: Pace
    publisher: Publisher
    board: JobBoard = field(default_factory=JobBoard)
    bells: Bells = field(default_factory=Bells)
