"""What each collection holds, what its documents are found by, and its indexes: data, no I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic

from bson import Timestamp
from pymongo import ASCENDING, IndexModel

from schemas.documents import (
    ApiUsage,
    AuditEntry,
    CaptureStatus,
    Connection,
    Engagement,
    Insight,
    Job,
    Member,
    Record,
    RuleSet,
    ScoreToken,
    Segment,
    WritebackPack,
    WritebackRun,
    WritebackSettings,
)
from workers.core.survivors import is_unasked, survivor_of
from workers.core.writeback.packs import pack_id, sent_again_of, tally_of
from workers.ports import D


def _no_marks(_document: object) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class CollectionSpec(Generic[D]):
    """`marks` are stored beside the model's fields, their names begin with `_`: conditions an index can hold.

    `dated` by the server itself with each write, as `WRITTEN`.
    """

    name: str
    model: type[D]
    id_of: Callable[[D], str]
    marks: Callable[[D], dict[str, Any]] = _no_marks
    dated: bool = False
    indexes: tuple[IndexModel, ...] = ()


def _index(*fields: str, where: dict[str, Any] | None = None) -> IndexModel:
    keys = [(field, ASCENDING) for field in fields]
    return IndexModel(keys, partialFilterExpression=where) if where else IndexModel(keys)


ASKS: dict[str, Any] = {"_asks": True}
"""Records with `answers_due`."""

UNASKED: dict[str, Any] = {"_unasked": True}
"""Deleted records whose survivor is not known."""

MERGED: dict[str, Any] = {"_merged": True}
"""Deleted records that have one."""

CONVERTED_LEAD: dict[str, Any] = {"entity": "lead", "fields.IsConverted": True}

WRITTEN = "_written"
"""When a document was written last."""

BY_THE_SERVER = {WRITTEN: Timestamp(0, 0)}
"""The server replaces an empty timestamp by its own logical time, which only grows, whoever is primary: in a document
that is inserted or replaced, not in what the pipeline of an update makes."""

GOING_ON: dict[str, Any] = {"state": "running"}

IMPORTED_CONTACT: dict[str, Any] = {"entity": "contact", "imported": True, "alive": True}


def is_unapplied(rule_set: RuleSet) -> bool:
    return rule_set.applied_version < rule_set.version


def record_marks(record: Record) -> dict[str, Any]:
    if record.alive:
        return ASKS if record.answers_due else {}
    return (UNASKED if is_unasked(record) else {}) | (MERGED if survivor_of(record) is not None else {})


def pack_marks(pack: WritebackPack) -> dict[str, Any]:
    """What is asked of a whole run, so that its columns need not be read for it."""
    tally = [{"outcome": outcome, "code": code, "rows": rows} for (outcome, code), rows in tally_of(pack).items()]
    return {"_tally": tally, "_sent_again": sent_again_of(pack)}


def is_open(job: Job) -> bool:
    return job.request is not None and job.state in ("pending", "running")


def _member_indexes() -> tuple[IndexModel, ...]:
    # `_id` last: the members of a segment come in order of their key, page by page, without a sort.
    return (_index("team", "alive"), _index("team", "alive", "segments", "_id"))


CONNECTIONS = CollectionSpec(
    "connections",
    Connection,
    attrgetter("team"),
    dated=True,
    indexes=(_index("state", "_id"), _index(WRITTEN)),
)
RULE_SETS = CollectionSpec(
    "rule_sets",
    RuleSet,
    attrgetter("team"),
    marks=lambda rule_set: {"_unapplied": is_unapplied(rule_set)},
    dated=True,
    indexes=(_index("_unapplied", "_id", where={"_unapplied": True}), _index(WRITTEN, "team", "version")),
)
SEGMENTS = CollectionSpec("segments", Segment, attrgetter("segment_id"))
RECORDS = CollectionSpec(
    "records",
    Record,
    attrgetter("record_id"),
    marks=record_marks,
    indexes=(
        # The fields of the filter are keys too: a `distinct` is answered from the index alone only if they are.
        _index("team", "entity", "imported", "alive", "fields.AccountId", where=IMPORTED_CONTACT),
        _index("team", "fields.AccountId", "_id", where={"entity": "contact"}),
        _index("evaluate_at_ms", where={"evaluate_at_ms": {"$gt": 0}}),
        _index("_asks", "team", "_id", where=ASKS),
        _index("_unasked", "team", "_id", where=UNASKED),
        _index("_merged", "team", where=MERGED),
        # A list's id is a text: what is greater than the empty one is a record that some list holds.
        _index("in_lists", "_id", where={"in_lists": {"$gt": ""}}),
        _index("team", "rule_set_version"),
        _index("_id", "fields.ConvertedContactId", where=CONVERTED_LEAD),
        # `_id` last: those of one reason come in the order of their ids, page by page, without a sort.
        _index("team", "alive", "imported", "entity", "skip.reason", "_id"),
    ),
)
PEOPLE = CollectionSpec("people", Member, attrgetter("key"), indexes=_member_indexes())
ACCOUNTS = CollectionSpec("accounts", Member, attrgetter("key"), indexes=_member_indexes())
ENGAGEMENT = CollectionSpec("engagement", Engagement, lambda scored: f"{scored.subject}:{scored.key}")
INSIGHTS = CollectionSpec("insights", Insight, attrgetter("record_id"))
WRITEBACK_RUNS = CollectionSpec(
    "writeback_runs",
    WritebackRun,
    attrgetter("run_id"),
    indexes=(
        _index("team", "started_at_ms", "run_id"),
        _index("finished_at_ms", where={"finished_at_ms": {"$gt": 0}}),
        _index("state", "started_at_ms", where=GOING_ON),
    ),
)
WRITEBACK_PACKS = CollectionSpec(
    "writeback_packs",
    WritebackPack,
    pack_id,
    marks=pack_marks,
    # An id begins with team, run and sheet and ends with the place.
    indexes=(_index("_tally.outcome", "_id"), _index("team", "record_ids", "run_id")),
)
WRITEBACK_SETTINGS = CollectionSpec("writeback_settings", WritebackSettings, attrgetter("team"))
JOBS = CollectionSpec(
    "jobs",
    Job,
    attrgetter("job_id"),
    marks=lambda job: {"_open": is_open(job)},
    indexes=(_index("_open", "_id", where={"_open": True}),),
)
CAPTURE_STATUS = CollectionSpec("capture_status", CaptureStatus, attrgetter("team"))
AUDIT = CollectionSpec("audit", AuditEntry, attrgetter("entry_id"))
API_USAGE = CollectionSpec("api_usage", ApiUsage, attrgetter("day"))
SCORE_TOKENS = CollectionSpec("score_tokens", ScoreToken, attrgetter("token_id"))

ALL: tuple[CollectionSpec[Any], ...] = (
    CONNECTIONS,
    RULE_SETS,
    SEGMENTS,
    RECORDS,
    PEOPLE,
    ACCOUNTS,
    ENGAGEMENT,
    INSIGHTS,
    WRITEBACK_RUNS,
    WRITEBACK_PACKS,
    WRITEBACK_SETTINGS,
    JOBS,
    CAPTURE_STATUS,
    AUDIT,
    API_USAGE,
    SCORE_TOKENS,
)
