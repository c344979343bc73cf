"""The outside world as the workers see it: one Protocol per thing, its contract in prose.

Errors: an adapter raises `Unavailable` for what may heal by itself (the caller retries, bounded), `Refused` for what
will not (a person must act); its message names the setting or the record and the remedy. Anything else is a bug and
ends the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

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
    Segment,
    WritebackRow,
    WritebackRun,
    WritebackSettings,
)
from schemas.events import Change, Entity, MembershipChange, Parked, Position, Reevaluation
from workers.core.budget import Allowance
from workers.core.preflight import ObjectAccess
from workers.core.session_machine import Refusal, Trouble


class Unavailable(Exception):
    """Something outside does not answer or is busy: try again."""


class Refused(Exception):
    """Something outside said no for good: a person must act."""


class Invisible(Refused):
    """What was asked for is not there any more, or not for the connected user."""


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix time in milliseconds."""


# --- store -----------------------------------------------------------------------------------------------------------

D = TypeVar(
    "D",
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
    Segment,
    WritebackRow,
    WritebackRun,
    WritebackSettings,
)


class Documents(Protocol[D]):
    """Documents of one collection, written by compare-and-swap. Every call is scoped to one or more named teams.

    A document is found by (team, id); what the id is follows from the collection (`record_id`, `key`, ...).
    """

    async def load(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], D]:
        """What exists of the (team, id) pairs asked for, in one query with majority read concern."""

    async def swap(self, documents: Sequence[D]) -> list[D]:
        """Write each document whose stored `rev` still equals its own (0: does not exist yet), with `rev` + 1.

        Acknowledged by a majority. Returns the documents that lost (somebody else wrote first), unwritten; the caller
        reloads those and decides again. One bulk write; at most one document per (team, id) in a call.
        """

    def scan(self, team: str, after: str = "") -> AsyncIterator[D]:
        """All documents of a team with an id greater than `after`, ascending by id, in bounded pages."""


class RecordQueries(Protocol):
    """What routing asks of the records beyond their ids."""

    async def with_imported_contacts(self, accounts: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Of the given (team, account record id), those that an imported, living contact points at by AccountId."""

    async def older_than(self, team: str, rule_set_version: int, limit: int) -> list[tuple[Entity, str]]:
        """Entity and id of up to `limit` records last evaluated under an older rule set version, the same ones as long
        as they are."""

    async def due_by_date(self, now_ms: int, limit: int) -> list[Record]:
        """Up to `limit` records of any team whose `evaluate_at_ms` has come."""

    def contacts_of(self, team: str, account_id: str) -> AsyncIterator[list[str]]:
        """Ids of all contacts that point at an account, dead ones too, in bounded pages."""

    async def count_older_than(self, team: str, rule_set_version: int) -> int: ...

    async def count(self, team: str) -> dict[Entity, int]:
        """Living records by entity."""

    async def living_ids(self, team: str, entity: Entity, after: str, limit: int) -> list[str]:
        """Up to `limit` ids greater than `after` of living records, ascending."""

    def living(self, team: str, entity: Entity) -> AsyncIterator[Record]:
        """All living records of an entity, ascending by id, in bounded pages."""

    async def asking_teams(self) -> set[str]:
        """Teams with records whose `answers_due` is not empty."""

    async def asking(self, team: str, after: str, limit: int) -> list[Record]:
        """Up to `limit` of these records with an id greater than `after`, ascending by id."""

    async def in_list(self, team: str, list_id: str, after: str, limit: int) -> list[str]:
        """Up to `limit` ids greater than `after` of the records that a list holds, ascending."""

    async def sample(self, team: str, entity: Entity, size: int) -> list[Record]:
        """Living records drawn at random."""

    async def skipped(self, team: str) -> dict[tuple[Entity, str], int]:
        """Living, not imported records by entity and skip reason."""

    def skipped_records(self, team: str, entity: Entity, reason: str) -> AsyncIterator[Record]:
        """Those of one entity and reason, ascending by id, in bounded pages."""


class MemberQueries(Protocol):
    """Questions about people, or about accounts."""

    async def count(self, team: str) -> int:
        """Living members."""

    async def segment_sizes(self, team: str) -> dict[str, int]:
        """Living members by segment id."""

    def in_segment(self, team: str, segment_id: str) -> AsyncIterator[Member]: ...


class RuleSetQueries(Protocol):
    async def versions(self, teams: Collection[str]) -> dict[str, int]:
        """Current rule set version of each team; teams without one are absent."""

    async def unapplied(self, limit: int) -> list[RuleSet]:
        """Rule sets whose `applied_version` lies behind `version`."""


class JobQueries(Protocol):
    async def open(self) -> list[Job]:
        """Of every team, the jobs with a request that are pending or running."""


class ConnectionQueries(Protocol):
    async def active(self) -> list[Connection]: ...


@dataclass(frozen=True, slots=True)
class Store:
    """All collections of one database."""

    connections: Documents[Connection]
    rule_sets: Documents[RuleSet]
    segments: Documents[Segment]
    records: Documents[Record]
    people: Documents[Member]
    accounts: Documents[Member]
    engagement: Documents[Engagement]
    insights: Documents[Insight]
    writeback_runs: Documents[WritebackRun]
    writeback_rows: Documents[WritebackRow]
    writeback_settings: Documents[WritebackSettings]
    jobs: Documents[Job]
    capture_status: Documents[CaptureStatus]
    audit: Documents[AuditEntry]
    api_usage: Documents[ApiUsage]
    record_queries: RecordQueries
    people_queries: MemberQueries
    account_queries: MemberQueries
    rule_set_queries: RuleSetQueries
    connection_queries: ConnectionQueries
    job_queries: JobQueries


# --- topics ----------------------------------------------------------------------------------------------------------


class Publisher(Protocol):
    """Topics that routing and the command line write to; returns when every message is acknowledged by all replicas."""

    async def memberships(self, changes: Sequence[MembershipChange]) -> None: ...

    async def reevaluations(self, commands: Sequence[Reevaluation]) -> None: ...

    async def park(self, messages: Sequence[Parked]) -> None: ...


class ChangeLog(Protocol):
    """The change topics and the positions of one shard, written together: all of a call becomes visible, or nothing.

    Raises `Fenced` when another worker has taken the shard over, `Unavailable` when the outcome is unknown or failed:
    after either the log must be opened again and the positions read anew.
    """

    async def positions(self) -> dict[tuple[str, Entity], Position]:
        """Every position of the shard as last committed."""

    async def append(
        self, changes: Sequence[Change], positions: Sequence[Position], parked: Sequence[Parked] = ()
    ) -> None: ...

    async def close(self) -> None: ...


class Fenced(Exception):
    """Another worker owns the shard now: stop its sessions, write nothing."""


class ShardOwnership(Protocol):
    """Which shards this process captures, as agreed with the other capture processes."""

    def assignments(self) -> AsyncIterator[frozenset[int]]:
        """All shards owned: once they are known, then after every change.

        Only a hint: for some seconds two processes may believe that they own a shard. Opening its `ChangeLog` decides.
        Raises `Unavailable`; what was owned may then be kept until it is `Fenced`.
        """


# --- Salesforce ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One CometD data message as it came: `channel`, `data.payload`, `data.event.replayId`."""

    entity: Entity
    replay_id: str
    payload: Mapping[str, Any]
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """What one or more answered polls brought."""

    events: Sequence[StreamEvent] = ()
    refused: Mapping[Entity, Refusal] = field(default_factory=dict)
    """Of the first batch: the channels that could not be had. The others stream."""
    answered_ms: int | None = None
    """The server's time of the last reply. With no events it ends a poll that was held for as long as polls are."""


class StreamEnded(Unavailable):
    """The session is over, or could not begin; `trouble` decides what is done about it."""

    def __init__(self, reason: str, trouble: Trouble, entities: frozenset[Entity] = frozenset()) -> None:
        super().__init__(reason)
        self.trouble = trouble
        self.entities = entities


class ChangeStream(Protocol):
    """One CometD session of one team."""

    def events(self, positions: Mapping[Entity, str | None]) -> AsyncIterator[StreamBatch]:
        """Subscribe after the given replay ids (None: new events only) and yield what arrives, in order, in batches.

        The first yield has no events: it says that the session is up, and which channels were refused. Never moves a
        position by itself. While the caller is busy at most a bounded number of events waits; then no poll is sent.
        Raises `StreamEnded`, or `Refused` when the authorisation is gone.
        """


@dataclass(frozen=True, slots=True)
class FieldInfo:
    name: str
    type: str
    label: str = ""
    updateable: bool = True
    compound: bool = False


@dataclass(frozen=True, slots=True)
class Habits:
    """How the org counts days, and who is connected."""

    user_id: str
    time_zone: str
    """Of the connected user, as IANA names it."""
    locale: str
    fiscal_year_starts: int
    """Month."""
    org_time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class ListInfo:
    list_id: str
    label: str
    developer_name: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a Bulk query: rows as column -> text ("" is empty), and the locator of the next (None: last)."""

    rows: list[dict[str, str]]
    locator: str | None


@dataclass(frozen=True, slots=True)
class IngestRow:
    record_id: str
    cells: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowOutcome:
    record_id: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class IngestState:
    state: str
    processed: int
    failed: int
    error: str | None = None


class SalesforceOrg(Protocol):
    """REST and Bulk API 2.0 of one team's org. Every call carries `Sforce-Call-Options: client=SegmentSync`."""

    def background_calls_left(self) -> int | None:
        """API calls that imports, polling and comparisons may still make today; None: the org has not said yet."""

    async def allowances(self) -> dict[str, Allowance] | None:
        """The org's limits by name; None: the connected user may not see them. So it is with the next two."""

    async def selected_for_events(self) -> frozenset[str] | None:
        """Objects with Change Data Capture."""

    async def object_access(self) -> dict[Entity, ObjectAccess] | None:
        """The connected user's permissions."""

    async def habits(self) -> Habits: ...

    async def create_insight_field(self, entity: Entity, name: str, kind: str, user_id: str) -> None:
        """`kind` is score or date; the user's profile may read and edit it afterwards."""

    async def fields(self, entity: Entity) -> list[FieldInfo]: ...

    async def lists(self, entity: Entity) -> list[ListInfo]:
        """All list views that the connected user sees, whatever their number."""

    async def list_describe(self, entity: Entity, list_id: str) -> dict[str, Any]:
        """Raises Invisible when the list is gone, or it or its conditions are not for the connected user."""

    async def records(self, entity: Entity, record_ids: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
        """These fields of records by id (REST query); with `IsDeleted` true those that are in the recycle bin."""

    async def count(self, soql: str, *, deleted: bool = False) -> int:
        """What a `SELECT count() FROM ...` counts; `deleted`: with what is in the recycle bin."""

    async def query(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """All rows of a query by REST: for few rows, and a text of at most 12,000 characters."""

    async def query_create(self, soql: str, *, deleted: bool = False) -> str:
        """Bulk query job id."""

    async def query_state(self, job_id: str) -> IngestState: ...

    async def query_page(self, job_id: str, locator: str | None) -> Page: ...

    async def ingest_create(self, entity: Entity) -> str:
        """Bulk update job id."""

    async def ingest_upload(self, job_id: str, rows: Sequence[IngestRow]) -> None: ...

    async def ingest_complete(self, job_id: str) -> None: ...

    async def ingest_state(self, job_id: str) -> IngestState: ...

    async def ingest_abort(self, job_id: str) -> None: ...

    async def ingest_accepted(self, job_id: str) -> list[RowOutcome]: ...

    async def ingest_rejected(self, job_id: str) -> list[RowOutcome]: ...

    async def ingest_unprocessed(self, job_id: str) -> list[RowOutcome]: ...


class Meter(Protocol):
    """What this process asked of one team's org."""

    @property
    def has_news(self) -> bool:
        """Something is not saved yet."""

    def background_calls_left(self) -> int | None:
        """As of `SalesforceOrg`."""

    async def flush(self, days: Documents[ApiUsage]) -> None:
        """Add it to the team's day. Raises Unavailable; nothing is forgotten then."""


class SalesforceOrgs(Protocol):
    """Opens a team's org: decrypts its tokens, refreshes them when they expire."""

    def org(self, connection: Connection) -> SalesforceOrg: ...

    def stream(self, connection: Connection) -> ChangeStream: ...

    def meters(self) -> Collection[Meter]:
        """One for each org that was opened."""


# --- consuming -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it lies in a topic; `topic` is the name of `schemas.topics`, without a namespace."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    """Empty for a tombstone of a compacted topic."""


Handler = Callable[[Sequence[Message]], Awaitable[None]]


class Processor(Protocol):
    """Reads topics as a member of a consumer group, committed messages only."""

    @property
    def ready(self) -> bool:
        """Partitions are assigned and being read."""

    async def run(self, handle: Handler, stop: asyncio.Event) -> None:
        """Hand batches of each topic to `handle`, in offset order per partition, until `stop`.

        A message is acknowledged when `handle` has returned, in order, never before. A batch is what arrived while the
        one before was handled: no fixed wait. When `handle` raises, nothing of the batch is acknowledged and `run`
        raises the same: the messages come again after a restart.
        """


class TopicReader(Protocol):
    """Reads a bounded stretch of topics without a consumer group: nobody's offsets move."""

    async def total(self) -> int:
        """Offsets in the stretch: an upper bound of the messages, since markers and compacted ones count too."""

    def read(self) -> AsyncIterator[Sequence[Message]]:
        """Committed messages up to the end offsets that were frozen when the reader was opened, in batches of one
        topic, in offset order per partition."""
