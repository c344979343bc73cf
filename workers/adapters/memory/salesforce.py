"""A Salesforce org in memory: rows, an event log with replay ids, Bulk jobs, and the ways in which they fail."""

from __future__ import annotations

import asyncio
import operator
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from schemas.documents import Connection
from schemas.events import ENTITIES, Entity
from workers.core.budget import Allowance
from workers.core.capture.session_machine import Refusal
from workers.core.capture.snapshots import instant
from workers.core.normalize import OBJECTS
from workers.core.preflight import ObjectAccess
from workers.ports import (
    FieldInfo,
    Habits,
    IngestRow,
    IngestState,
    Invisible,
    ListInfo,
    Meter,
    Page,
    Refused,
    RowOutcome,
    StreamBatch,
    StreamEvent,
)

T = TypeVar("T")

OPERATORS: dict[str, Callable[[str, str], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "=": operator.eq,
    "<": operator.lt,
}

COMMON = (FieldInfo("Id", "id", updateable=False), FieldInfo("SystemModstamp", "datetime", updateable=False))
PERSON = (*COMMON, *(FieldInfo(name, "string") for name in ("FirstName", "LastName", "Email", "Title")))
INSIGHTS = (FieldInfo("Engagement_Score__c", "double"), FieldInfo("Last_Engagement_Date__c", "date"))
FIELDS: dict[Entity, tuple[FieldInfo, ...]] = {
    "contact": (*PERSON, FieldInfo("AccountId", "reference"), FieldInfo("HasOptedOutOfEmail", "boolean"), *INSIGHTS),
    "lead": (*PERSON, FieldInfo("Company", "string"), FieldInfo("Website", "url"), *INSIGHTS),
    "account": (*COMMON, FieldInfo("Name", "string"), FieldInfo("Website", "url"), *INSIGHTS),
}

EPOCH_MS = 1_700_000_000_000

QUERY = re.compile(
    r"SELECT (?P<names>.+?) FROM (?P<object>\w+)(?: WHERE (?P<where>.+?))?"
    r"(?: ORDER BY (?P<order>.+?))?(?: LIMIT (?P<limit>\d+))?"
)
AMONG = re.compile(r"(?: AND )?Id IN \((?P<ids>[^)]*)\)")
CONDITION = re.compile(r"(?P<name>\w+) (?P<operator>>=|>|=|<) '?(?P<value>[^' )]+)'?")


@dataclass(slots=True)
class _Query:
    rows: list[dict[str, str]]
    polls_left: int


@dataclass(slots=True)
class _Ingest:
    entity: Entity
    created_ms: int
    rows: list[IngestRow] = field(default_factory=list)
    state: str = "Open"


class MemoryOrg:
    """`SalesforceOrg` and `ChangeStream` of one team. Every write commits a second after the one before."""

    def __init__(self, page_rows: int = 2, query_polls: int = 0) -> None:
        self.rows: dict[Entity, dict[str, dict[str, Any]]] = {entity: {} for entity in ENTITIES}
        self.recycle_bin: dict[Entity, dict[str, dict[str, Any]]] = {entity: {} for entity in ENTITIES}
        self.queries: list[str] = []
        """The text of every query."""
        self.events_sent: list[StreamEvent] = []
        self.page_rows = page_rows
        self.query_polls = query_polls
        self.subscriptions: list[dict[Entity, str | None]] = []
        """What each stream was opened with."""
        self.calls: list[str] = []
        self.failures: dict[str, list[Exception]] = {}
        """By name of the call (`query_page`, `events`, ...): raised by its next calls, one each."""
        self.query_outcome = IngestState("JobComplete", 0, 0)
        self.first_replay_id: dict[Entity, int] = dict.fromkeys(ENTITIES, 0)
        """Replay ids below it are no longer known."""
        self.row_errors: dict[str, str] = {}
        self.fields_of: dict[Entity, tuple[FieldInfo, ...]] = {}
        """Instead of `FIELDS`."""
        self.calls_left: int | None = None
        self.batches_of_a_day: int | None = None
        self.now_ms: Callable[[], int] = lambda: EPOCH_MS
        """The org's clock: when jobs are created."""
        self.counts = Habits("005000000000001AAA", "UTC", "en_US", fiscal_year_starts=1)
        self.limits: dict[str, Allowance] | None = {"DailyApiRequests": Allowance(15_000, 15_000)}
        self.selected: frozenset[str] | None = frozenset(OBJECTS.values())
        self.access: dict[Entity, ObjectAccess] | None = {e: ObjectAccess(read=True, view_all=True) for e in ENTITIES}
        self.list_views: dict[Entity, dict[str, tuple[ListInfo, dict[str, Any]]]] = {e: {} for e in ENTITIES}
        self._queries: dict[str, _Query] = {}
        self._ingests: dict[str, _Ingest] = {}
        self._news = asyncio.Condition()
        self.unreadable: set[Entity] = set()
        """The connected user may not read them."""
        self.refused_channels: dict[Entity, Refusal] = {}
        self._broken: Exception | None = None
        self._quiet_ms: int | None = None
        self._commits = 0

    # --- what happens in the org -------------------------------------------------------------------------------------

    async def write(
        self, entity: Entity, record_ids: Sequence[str], fields: Mapping[str, Any], change_type: str = "UPDATE"
    ) -> str:
        """One transaction on one or more records, and its event. Returns the replay id."""
        self._commits += 1
        stamp_ms = EPOCH_MS + self._commits * 1000
        for record_id in record_ids:
            if change_type.endswith("DELETE") and "UN" not in change_type:
                gone = self.rows[entity].pop(record_id, {"Id": record_id})
                self.recycle_bin[entity][record_id] = {**gone, "IsDeleted": True, "SystemModstamp": instant(stamp_ms)}
            else:
                self.recycle_bin[entity].pop(record_id, None)
                row = self.rows[entity].setdefault(record_id, {"Id": record_id})
                row |= {**fields, "IsDeleted": False, "SystemModstamp": instant(stamp_ms)}
        header = {
            "entityName": OBJECTS[entity],
            "recordIds": list(record_ids),
            "changeType": change_type,
            "changeOrigin": "",
            "transactionKey": f"key-{self._commits}",
            "sequenceNumber": 1,
            "commitTimestamp": stamp_ms,
            "commitNumber": self._commits,
            "changedFields": list(fields) if change_type == "UPDATE" else [],
        }
        told = {} if change_type.startswith("GAP") else fields
        return await self.emit(entity, {"ChangeEventHeader": header, **told})

    async def emit(self, entity: Entity, payload: Mapping[str, Any]) -> str:
        """An event as such. Replay ids have holes."""
        replay_id = str(3 * (len(self.events_sent) + 1))
        async with self._news:
            self.events_sent.append(StreamEvent(entity, replay_id, payload, EPOCH_MS))
            self._news.notify_all()
        return replay_id

    async def break_stream(self, error: Exception) -> None:
        """End every open stream."""
        async with self._news:
            self._broken = error
            self._news.notify_all()
        await asyncio.sleep(0)

    async def poll_quietly(self, answered_ms: int) -> None:
        """The open stream's poll ends without events."""
        async with self._news:
            self._quiet_ms = answered_ms
            self._news.notify_all()

    # --- ChangeStream ------------------------------------------------------------------------------------------------

    async def events(self, positions: Mapping[Entity, str | None]) -> AsyncIterator[StreamBatch]:
        self.subscriptions.append(dict(positions))
        self._fail_as_told("events")
        self._broken = None
        after = {entity: self._begin(entity, replay_id) for entity, replay_id in positions.items()}
        refused = {entity: refusal for entity, refusal in self.refused_channels.items() if entity in positions}
        for entity, replay_id in positions.items():
            if replay_id != "-2" and after[entity] < self.first_replay_id[entity]:
                refused[entity] = Refusal(
                    "replay_refused", f"400::The replayId {{{replay_id}}} you provided was invalid."
                )
        yield StreamBatch(refused=refused)
        seen = 0
        while True:
            async with self._news:
                while len(self.events_sent) == seen and self._broken is None and self._quiet_ms is None:
                    await self._news.wait()
            if self._broken is not None:
                raise self._broken
            if self._quiet_ms is not None and len(self.events_sent) == seen:
                answered_ms, self._quiet_ms = self._quiet_ms, None
                yield StreamBatch(answered_ms=answered_ms)
                continue
            arrived, seen = self.events_sent[seen:], len(self.events_sent)
            had = [e for e in arrived if e.entity not in refused and int(e.replay_id) > after[e.entity]]
            if had:
                yield StreamBatch(had, answered_ms=EPOCH_MS + self._commits * 1000)

    def _begin(self, entity: Entity, replay_id: str | None) -> int:
        """The replay id after which events are delivered; None: the tip, "-2": all that are retained."""
        if replay_id is None:
            return max(3 * len(self.events_sent), self.first_replay_id[entity])
        return self.first_replay_id[entity] - 1 if replay_id == "-2" else int(replay_id)

    # --- SalesforceOrg -----------------------------------------------------------------------------------------------

    async def habits(self) -> Habits:
        return self.counts

    async def create_insight_field(self, entity: Entity, name: str, kind: str, user_id: str) -> None:
        created = FieldInfo(name, "double" if kind == "score" else "date")
        self.fields_of[entity] = (*await self.fields(entity), created)

    async def allowances(self) -> dict[str, Allowance] | None:
        self._fail_as_told("allowances")
        return self.limits

    async def selected_for_events(self) -> frozenset[str] | None:
        return self.selected

    async def object_access(self) -> dict[Entity, ObjectAccess] | None:
        return self.access

    def background_calls_left(self) -> int | None:
        return self.calls_left

    async def fields(self, entity: Entity) -> list[FieldInfo]:
        self._fail_as_told("fields")
        return list(self.fields_of.get(entity, FIELDS[entity]))

    async def lists(self, entity: Entity) -> list[ListInfo]:
        self._fail_as_told("lists")
        return [info for info, _ in self.list_views[entity].values()]

    async def list_describe(self, entity: Entity, list_id: str) -> dict[str, Any]:
        self._fail_as_told("list_describe")
        if list_id not in self.list_views[entity]:
            raise Invisible(f"the list {list_id} was deleted, or is no longer shared")
        info, described = self.list_views[entity][list_id]
        return {**described, "label": info.label}

    async def records(self, entity: Entity, record_ids: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
        self._fail_as_told("records")
        self._refuse_unreadable(entity)
        held = self.recycle_bin[entity] | self.rows[entity]
        return [{name: held[i].get(name) for name in names} for i in record_ids if i in held]

    async def count(self, soql: str, *, deleted: bool = False) -> int:
        self._fail_as_told("count")
        return len(self._selected(soql, deleted))

    async def query(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        self._fail_as_told("query")
        return self._selected(soql, deleted)

    async def query_create(self, soql: str, *, deleted: bool = False) -> str:
        self._fail_as_told("query_create")
        rows = [{name: text(value) for name, value in row.items()} for row in self._selected(soql, deleted)]
        return _added(self._queries, "750", _Query(rows, self.query_polls))

    def _selected(self, soql: str, deleted: bool) -> list[dict[str, Any]]:
        """Of the queries that `workers.core` writes."""
        self.queries.append(soql)
        found = QUERY.fullmatch(soql)
        if found is None:
            raise Refused(f"MALFORMED_QUERY: {soql}")
        entity = next(e for e, name in OBJECTS.items() if name == found["object"])
        self._refuse_unreadable(entity)
        held = (self.recycle_bin[entity] if deleted else {}) | self.rows[entity]
        rows = [row for row in held.values() if _is_selected(row, found["where"] or "")]
        if found["names"] == "count()":
            return rows
        order = (found["order"] or "Id").split(", ")
        rows.sort(key=lambda row: [str(row[name]) for name in order])
        names = found["names"].split(", ")
        return [{name: row.get(name) for name in names} for row in rows[: int(found["limit"] or len(rows))]]

    async def query_state(self, job_id: str) -> IngestState:
        self._fail_as_told("query_state")
        query = _known(self._queries, job_id)
        if query.polls_left > 0:
            query.polls_left -= 1
            return IngestState("InProgress", 0, 0)
        outcome = self.query_outcome
        return IngestState(outcome.state, len(query.rows), outcome.failed, outcome.error)

    async def query_page(self, job_id: str, locator: str | None) -> Page:
        self._fail_as_told("query_page")
        rows = _known(self._queries, job_id).rows
        start = int(locator or 0)
        end = start + self.page_rows
        return Page(rows[start:end], str(end) if end < len(rows) else None)

    async def ingest_create(self, entity: Entity) -> str:
        self._fail_as_told("ingest_create")
        return _added(self._ingests, "751", _Ingest(entity, self.now_ms()))

    async def ingest_open(self, entity: Entity, user_id: str, since_ms: int) -> list[str]:
        self._fail_as_told("ingest_open")
        of_entity = {job_id: job for job_id, job in self._ingests.items() if job.entity == entity}
        return [each for each, job in of_entity.items() if job.state == "Open" and job.created_ms >= since_ms]

    async def ingest_upload(
        self, job_id: str, columns: Sequence[str], pages: AsyncIterable[Sequence[IngestRow]]
    ) -> int:
        rows = [row async for page in pages for row in page]
        self._fail_as_told("ingest_upload")
        job = _known(self._ingests, job_id)
        if job.state != "Open" or job.rows:
            raise Refused(f"INVALIDJOBSTATE: Uploading to already {job.state} Job not allowed")
        job.rows = rows
        return len(rows)

    async def current_values(
        self, entity: Entity, record_ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        self._fail_as_told("current_values")
        held = self.rows[entity]
        return {each: {name: held[each].get(name) for name in names} for each in record_ids if each in held}

    async def update_records(
        self, entity: Entity, rows: Sequence[Mapping[str, str | float | None]]
    ) -> list[RowOutcome]:
        self._fail_as_told("update_records")
        saved = []
        for row in rows:
            record_id = str(row["Id"])
            error = self._row_error(entity, record_id)
            if error is None:
                await self.write(entity, [record_id], {name: row[name] for name in row if name != "Id"})
            saved.append(RowOutcome(record_id, error))
        return saved

    def calls_made(self) -> int:
        return len(self.calls)

    async def batches_left(self, ours_today: int) -> int | None:
        self._fail_as_told("allowances")
        return None if self.batches_of_a_day is None else self.batches_of_a_day - ours_today

    async def ingest_complete(self, job_id: str) -> None:
        self._fail_as_told("ingest_complete")
        job = _known(self._ingests, job_id)
        for row in job.rows:
            if self._row_error(job.entity, row.record_id) is None:
                await self.write(job.entity, [row.record_id], {name: _value(row.cells[name]) for name in row.cells})
        job.state = "JobComplete"

    async def ingest_state(self, job_id: str) -> IngestState:
        self._fail_as_told("ingest_state")
        job = _known(self._ingests, job_id)
        processed = len(job.rows) if job.state == "JobComplete" else 0
        return IngestState(job.state, processed, len(self._outcomes(job_id, rejected=True)))

    async def ingest_abort(self, job_id: str) -> None:
        self._fail_as_told("ingest_abort")
        _known(self._ingests, job_id).state = "Aborted"

    async def ingest_accepted(self, job_id: str) -> list[RowOutcome]:
        self._fail_as_told("ingest_accepted")
        return self._outcomes(job_id, rejected=False)

    async def ingest_rejected(self, job_id: str) -> list[RowOutcome]:
        self._fail_as_told("ingest_rejected")
        return self._outcomes(job_id, rejected=True)

    async def ingest_unprocessed(self, job_id: str) -> list[RowOutcome]:
        self._fail_as_told("ingest_unprocessed")
        job = _known(self._ingests, job_id)
        return [] if job.state == "JobComplete" else [RowOutcome(row.record_id) for row in job.rows]

    def _outcomes(self, job_id: str, *, rejected: bool) -> list[RowOutcome]:
        job = _known(self._ingests, job_id)
        if job.state != "JobComplete":
            return []
        outcomes = [RowOutcome(row.record_id, self._row_error(job.entity, row.record_id)) for row in job.rows]
        return [outcome for outcome in outcomes if (outcome.error is not None) == rejected]

    def _row_error(self, entity: Entity, record_id: str) -> str | None:
        gone = None if record_id in self.rows[entity] else "ENTITY_IS_DELETED:entity is deleted:--"
        return self.row_errors.get(record_id, gone)

    def _refuse_unreadable(self, entity: Entity) -> None:
        if entity in self.unreadable:
            raise Refused(f"INVALID_TYPE: sObject type '{OBJECTS[entity]}' is not supported")

    def _fail_as_told(self, call: str) -> None:
        self.calls.append(call)
        if self.failures.get(call):
            raise self.failures[call].pop(0)


class MemoryOrgs:
    """`SalesforceOrgs`: one `MemoryOrg` per team."""

    def __init__(self, orgs: Mapping[str, MemoryOrg] | Iterable[tuple[str, MemoryOrg]] = ()) -> None:
        self.orgs = dict(orgs)

    def org(self, connection: Connection) -> MemoryOrg:
        return self.orgs[connection.team]

    def stream(self, connection: Connection) -> MemoryOrg:
        return self.orgs[connection.team]

    def meters(self) -> Collection[Meter]:
        return ()


def _is_selected(row: Mapping[str, Any], where: str) -> bool:
    """`(conditions) AND Id IN ('...','...')`, or conditions alone."""
    among = AMONG.search(where)
    if among is None:
        return _meets(row, where)
    return f"'{row['Id']}'" in among["ids"] and _meets(row, where[: among.start()])


def _meets(row: Mapping[str, Any], where: str) -> bool:
    """Alternatives in parentheses, of conditions joined by AND: `(A AND B) OR (C)`, or just `A AND B`."""
    return any(
        all(OPERATORS[c["operator"]](text(row.get(c["name"])), c["value"]) for c in CONDITION.finditer(alternative))
        for alternative in where.split(" OR ")
    )


def text(value: object) -> str:
    """A cell of a Bulk query's result."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(cell: str) -> str | float | None:
    """What Salesforce makes of a cell."""
    try:
        return float(cell)
    except ValueError:
        return None if cell == "#N/A" else cell


def _added(jobs: dict[str, T], prefix: str, job: T) -> str:
    job_id = f"{prefix}{len(jobs) + 1:012d}AAA"
    jobs[job_id] = job
    return job_id


def _known(jobs: Mapping[str, T], job_id: str) -> T:
    if job_id not in jobs:
        raise Refused(f"NOT_FOUND: The requested resource does not exist ({job_id})")
    return jobs[job_id]
