"""The outside world as the workers see it: one Protocol per thing, its contract in prose.

Errors: an adapter raises `Unavailable` for what may heal by itself (the caller retries, bounded), `Refused` for what
will not (a person must act); its message names the setting or the record and the remedy. Anything else is a bug and
ends the process.
"""

from __future__ import annotations

from workers.ports.clock import Clock
from workers.ports.errors import Exhausted, Fenced, Invisible, Refused, Unavailable
from workers.ports.org import (
    FieldInfo,
    Habits,
    IngestRow,
    IngestState,
    ListInfo,
    Meter,
    Page,
    RowOutcome,
    SalesforceOrg,
    SalesforceOrgs,
)
from workers.ports.planning import Accepted, Merged, Mirrored, PlanningQueries, Scored, Written
from workers.ports.scores_api import Admission, Receipt, RowsWanted, RunReports, ScoresIntake
from workers.ports.store import (
    RUN_FIGURES,
    ConnectionQueries,
    D,
    Documents,
    JobQueries,
    MemberQueries,
    Members,
    Moments,
    RecordQueries,
    Records,
    RuleSetQueries,
    RunTotals,
    Store,
    WritebackPackQueries,
    WritebackRunQueries,
)
from workers.ports.stream import ChangeStream, StreamBatch, StreamEnded, StreamEvent
from workers.ports.topics import (
    ChangeLog,
    Handler,
    Message,
    Processor,
    Publisher,
    ScorePublisher,
    ShardOwnership,
    TopicReader,
)

__all__ = [
    "RUN_FIGURES",
    "Accepted",
    "Admission",
    "ChangeLog",
    "ChangeStream",
    "Clock",
    "ConnectionQueries",
    "D",
    "Documents",
    "Exhausted",
    "Fenced",
    "FieldInfo",
    "Habits",
    "Handler",
    "IngestRow",
    "IngestState",
    "Invisible",
    "JobQueries",
    "ListInfo",
    "MemberQueries",
    "Members",
    "Merged",
    "Message",
    "Meter",
    "Mirrored",
    "Moments",
    "Page",
    "PlanningQueries",
    "Processor",
    "Publisher",
    "Receipt",
    "RecordQueries",
    "Records",
    "Refused",
    "RowOutcome",
    "RowsWanted",
    "RuleSetQueries",
    "RunReports",
    "RunTotals",
    "SalesforceOrg",
    "SalesforceOrgs",
    "ScorePublisher",
    "Scored",
    "ScoresIntake",
    "ShardOwnership",
    "Store",
    "StreamBatch",
    "StreamEnded",
    "StreamEvent",
    "TopicReader",
    "Unavailable",
    "WritebackPackQueries",
    "WritebackRunQueries",
    "Written",
]
