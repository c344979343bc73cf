"""What rests in MongoDB: one model per collection. `rev` is the compare-and-swap revision (0: never written)."""

from __future__ import annotations

from schemas.documents.audit import AuditEntry, Edit
from schemas.documents.base import Document
from schemas.documents.capture import ApiUsage, CaptureStatus, ChannelState, CheckResult
from schemas.documents.connection import Connection
from schemas.documents.insights import Engagement, Insight
from schemas.documents.jobs import Job, ReadRequest
from schemas.documents.members import ByHand, Contribution, Member
from schemas.documents.records import LastKnown, Reason, Record, Skip, Targets
from schemas.documents.rules import (
    Destination,
    FieldMapping,
    ListDefinition,
    OrgCalendar,
    Preference,
    Rule,
    RuleSet,
    SourceField,
    TargetField,
    TargetType,
)
from schemas.documents.segments import Handwork, Segment
from schemas.documents.tokens import Scope, ScoreToken
from schemas.documents.writeback import (
    InsightFields,
    LocalTime,
    PartStep,
    RowOutcomeName,
    RowState,
    Switch,
    WritebackPack,
    WritebackPart,
    WritebackRow,
    WritebackRun,
    WritebackSettings,
)

__all__ = [
    "ApiUsage",
    "AuditEntry",
    "ByHand",
    "CaptureStatus",
    "ChannelState",
    "CheckResult",
    "Connection",
    "Contribution",
    "Destination",
    "Document",
    "Edit",
    "Engagement",
    "FieldMapping",
    "Handwork",
    "Insight",
    "InsightFields",
    "Job",
    "LastKnown",
    "ListDefinition",
    "LocalTime",
    "Member",
    "OrgCalendar",
    "PartStep",
    "Preference",
    "ReadRequest",
    "Reason",
    "Record",
    "RowOutcomeName",
    "RowState",
    "Rule",
    "RuleSet",
    "Scope",
    "ScoreToken",
    "Segment",
    "Skip",
    "SourceField",
    "Switch",
    "TargetField",
    "TargetType",
    "Targets",
    "WritebackPack",
    "WritebackPart",
    "WritebackRow",
    "WritebackRun",
    "WritebackSettings",
]
