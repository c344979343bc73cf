"""A `Store` in memory: the same contract for one process, gone when it ends."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Generic

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
from schemas.events import Entity
from workers.ports import D, Refused, Store


class MemoryDocuments(Generic[D]):
    """Keeps plain copies, not the caller's objects: whoever changes a dict inside a loaded document changes only his
    own."""

    def __init__(self, name: str, model: type[D], id_of: Callable[[D], str]) -> None:
        self._name = name
        self._model: type[D] = model
        self._id_of: Callable[[D], str] = id_of
        self._stored: dict[tuple[str, str], dict[str, Any]] = {}

    async def load(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], D]:
        return {key: self._model.model_validate(self._stored[key]) for key in keys if key in self._stored}

    async def swap(self, documents: Sequence[D]) -> list[D]:
        keys = [(document.team, self._id_of(document)) for document in documents]
        if len(set(keys)) != len(keys):
            raise ValueError(f"{self._name}: a document twice in one swap")
        rows = [self._row(key, document) for key, document in zip(keys, documents, strict=True)]
        lost = []
        for key, row, document in zip(keys, rows, documents, strict=True):
            if self._stored.get(key, {"rev": 0})["rev"] == document.rev:
                self._stored[key] = row
            else:
                lost.append(document)
        return lost

    def _row(self, key: tuple[str, str], document: D) -> dict[str, Any]:
        row = {**document.model_dump(), "rev": document.rev + 1}
        if (bad := _forbidden_key(row)) is not None:
            raise Refused(
                f'{self._name} {":".join(key)} cannot be stored: the key {bad!r} begins with "$" or holds "." or NUL'
            )
        return row

    async def scan(self, team: str, after: str = "") -> AsyncIterator[D]:
        for key in sorted(key for key in self._stored if key[0] == team and key[1] > after):
            yield self._model.model_validate(self._stored[key])

    def all(self, team: str | None = None) -> Iterator[D]:
        """Ascending by (team, id)."""
        for key in sorted(self._stored):
            if team in (None, key[0]):
                yield self._model.model_validate(self._stored[key])


def _forbidden_key(value: object) -> str | None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.startswith("$") or "." in key or "\0" in key:
                return str(key)
            if (bad := _forbidden_key(inner)) is not None:
                return bad
    if isinstance(value, list | tuple):
        return next((bad for inner in value if (bad := _forbidden_key(inner)) is not None), None)
    return None


class MemoryRecordQueries:
    def __init__(self, records: MemoryDocuments[Record]) -> None:
        self._records = records

    async def with_imported_contacts(self, accounts: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        followed = {
            (record.team, record.fields.get("AccountId"))
            for record in self._records.all()
            if record.entity == "contact" and record.imported and record.alive
        }
        return set(accounts) & followed

    async def older_than(self, team: str, rule_set_version: int, limit: int) -> list[tuple[Entity, str]]:
        older = (record for record in self._records.all(team) if record.rule_set_version < rule_set_version)
        return [(record.entity, record.record_id) for record in islice(older, limit)]

    async def due_by_date(self, now_ms: int, limit: int) -> list[Record]:
        due = (r for r in self._records.all() if r.evaluate_at_ms is not None and r.evaluate_at_ms <= now_ms)
        return list(islice(due, limit))

    async def contacts_of(self, team: str, account_id: str) -> AsyncIterator[list[str]]:
        yield [
            record.record_id
            for record in self._records.all(team)
            if record.entity == "contact" and record.fields.get("AccountId") == account_id
        ]

    async def count_older_than(self, team: str, rule_set_version: int) -> int:
        return sum(record.rule_set_version < rule_set_version for record in self._records.all(team))

    async def count(self, team: str) -> dict[Entity, int]:
        return dict(Counter(record.entity for record in self._records.all(team) if record.alive))

    async def skipped(self, team: str) -> dict[tuple[Entity, str], int]:
        living = (record for record in self._records.all(team) if record.alive and not record.imported)
        return dict(Counter((record.entity, str(record.skip.reason)) for record in living if record.skip))

    async def skipped_records(self, team: str, entity: Entity, reason: str) -> AsyncIterator[Record]:
        for record in self._living(team, entity):
            if not record.imported and record.skip is not None and record.skip.reason == reason:
                yield record

    def _living(self, team: str, entity: Entity) -> list[Record]:
        return [record for record in self._records.all(team) if record.alive and record.entity == entity]

    async def living_ids(self, team: str, entity: Entity, after: str, limit: int) -> list[str]:
        return [record.record_id for record in self._living(team, entity) if record.record_id > after][:limit]

    async def living(self, team: str, entity: Entity) -> AsyncIterator[Record]:
        for record in self._living(team, entity):
            yield record

    async def asking_teams(self) -> set[str]:
        return {record.team for record in self._records.all() if record.answers_due}

    async def asking(self, team: str, after: str, limit: int) -> list[Record]:
        return [r for r in self._records.all(team) if r.answers_due and r.record_id > after][:limit]

    async def in_list(self, team: str, list_id: str, after: str, limit: int) -> list[str]:
        held = (record.record_id for record in self._records.all(team) if list_id in record.in_lists)
        return [record_id for record_id in held if record_id > after][:limit]

    async def sample(self, team: str, entity: Entity, size: int) -> list[Record]:
        living = self._living(team, entity)
        return random.sample(living, min(size, len(living)))


class MemoryMemberQueries:
    def __init__(self, members: MemoryDocuments[Member]) -> None:
        self._members = members

    def _living(self, team: str) -> list[Member]:
        return [member for member in self._members.all(team) if member.alive]

    async def count(self, team: str) -> int:
        return len(self._living(team))

    async def segment_sizes(self, team: str) -> dict[str, int]:
        return dict(Counter(segment for member in self._living(team) for segment in member.segments))

    async def in_segment(self, team: str, segment_id: str) -> AsyncIterator[Member]:
        for member in self._living(team):
            if segment_id in member.segments:
                yield member


class MemoryRuleSetQueries:
    def __init__(self, rule_sets: MemoryDocuments[RuleSet]) -> None:
        self._rule_sets = rule_sets

    async def versions(self, teams: Collection[str]) -> dict[str, int]:
        loaded = await self._rule_sets.load([(team, team) for team in teams])
        return {team: rule_set.version for (team, _), rule_set in loaded.items()}

    async def unapplied(self, limit: int) -> list[RuleSet]:
        return [rule_set for rule_set in self._rule_sets.all() if rule_set.applied_version < rule_set.version][:limit]


class MemoryConnectionQueries:
    def __init__(self, connections: MemoryDocuments[Connection]) -> None:
        self._connections = connections

    async def active(self) -> list[Connection]:
        return [connection for connection in self._connections.all() if connection.state == "active"]


class MemoryJobQueries:
    def __init__(self, jobs: MemoryDocuments[Job]) -> None:
        self._jobs = jobs

    async def open(self) -> list[Job]:
        return [job for job in self._jobs.all() if job.request is not None and job.state in ("pending", "running")]


class MemoryWritebackRowQueries:
    def __init__(self, rows: MemoryDocuments[WritebackRow]) -> None:
        self._rows = rows

    async def in_order(
        self, team: str, run_id: str, after: str, until: str, outcomes: Collection[str], limit: int
    ) -> list[WritebackRow]:
        of_run = (row for row in self._of_run(team, run_id) if after < row.place <= until and row.outcome in outcomes)
        return sorted(of_run, key=attrgetter("place"))[:limit]

    async def tally(self, team: str, run_id: str) -> dict[tuple[Entity, str, str | None], int]:
        return dict(Counter((row.entity, row.outcome, row.code) for row in self._of_run(team, run_id)))

    async def sent_again(self, team: str, run_id: str) -> int:
        return sum(row.round > 0 for row in self._of_run(team, run_id))

    def _of_run(self, team: str, run_id: str) -> Iterator[WritebackRow]:
        return (row for row in self._rows.all(team) if row.run_id == run_id)


def memory_store() -> Store:
    rows = MemoryDocuments("writeback_rows", WritebackRow, lambda row: f"{row.run_id}:{row.record_id}")
    connections = MemoryDocuments("connections", Connection, attrgetter("team"))
    rule_sets = MemoryDocuments("rule_sets", RuleSet, attrgetter("team"))
    records = MemoryDocuments("records", Record, attrgetter("record_id"))
    jobs = MemoryDocuments("jobs", Job, attrgetter("job_id"))
    people = MemoryDocuments("people", Member, attrgetter("key"))
    accounts = MemoryDocuments("accounts", Member, attrgetter("key"))
    return Store(
        connections=connections,
        rule_sets=rule_sets,
        segments=MemoryDocuments("segments", Segment, attrgetter("segment_id")),
        records=records,
        people=people,
        accounts=accounts,
        engagement=MemoryDocuments("engagement", Engagement, lambda scored: f"{scored.subject}:{scored.key}"),
        insights=MemoryDocuments("insights", Insight, attrgetter("record_id")),
        writeback_runs=MemoryDocuments("writeback_runs", WritebackRun, attrgetter("run_id")),
        writeback_rows=rows,
        writeback_settings=MemoryDocuments("writeback_settings", WritebackSettings, attrgetter("team")),
        jobs=jobs,
        capture_status=MemoryDocuments("capture_status", CaptureStatus, attrgetter("team")),
        audit=MemoryDocuments("audit", AuditEntry, attrgetter("entry_id")),
        api_usage=MemoryDocuments("api_usage", ApiUsage, attrgetter("day")),
        record_queries=MemoryRecordQueries(records),
        people_queries=MemoryMemberQueries(people),
        account_queries=MemoryMemberQueries(accounts),
        rule_set_queries=MemoryRuleSetQueries(rule_sets),
        connection_queries=MemoryConnectionQueries(connections),
        job_queries=MemoryJobQueries(jobs),
        writeback_row_queries=MemoryWritebackRowQueries(rows),
    )
