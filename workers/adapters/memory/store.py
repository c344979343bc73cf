"""A `Store` in memory: the same contract for one process, gone when it ends."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterator
from itertools import islice
from operator import attrgetter

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
from schemas.events import Entity
from workers.adapters.memory.documents import (
    MemoryDocuments,
    MemoryMembers,
    MemoryMoments,
    MemoryRecords,
)
from workers.adapters.memory.planning import MemoryPlanningQueries
from workers.core.survivors import is_unasked
from workers.core.writeback.packs import pack_id, sent_again_of, tally_of
from workers.ports import RUN_FIGURES, RunTotals, Store


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

    async def unasked_teams(self) -> set[str]:
        return {record.team for record in self._records.all() if is_unasked(record)}

    async def unasked(self, team: str, after: str, limit: int) -> list[Record]:
        return [r for r in self._records.all(team) if is_unasked(r) and r.record_id > after][:limit]

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

    async def written_since(self, moment: int) -> dict[str, int]:
        return {rule_set.team: rule_set.version for rule_set in self._rule_sets.written_since(moment)}

    async def unapplied(self, limit: int) -> list[RuleSet]:
        return [rule_set for rule_set in self._rule_sets.all() if rule_set.applied_version < rule_set.version][:limit]


class MemoryConnectionQueries:
    def __init__(self, connections: MemoryDocuments[Connection]) -> None:
        self._connections = connections

    async def active(self) -> list[Connection]:
        return [connection for connection in self._connections.all() if connection.state == "active"]

    async def written_since(self, moment: int) -> list[Connection]:
        return self._connections.written_since(moment)


class MemoryJobQueries:
    def __init__(self, jobs: MemoryDocuments[Job]) -> None:
        self._jobs = jobs

    async def open(self) -> list[Job]:
        return [job for job in self._jobs.all() if job.request is not None and job.state in ("pending", "running")]


class MemoryWritebackPackQueries:
    def __init__(self, packs: MemoryDocuments[WritebackPack]) -> None:
        self._packs = packs

    async def in_order(
        self, run: WritebackRun, begin: str, until: str, outcomes: Collection[str] | None, limit: int
    ) -> list[WritebackPack]:
        placed = (pack for pack in self._of_run(run) if begin <= pack.place <= until)
        return list(islice((pack for pack in placed if _holds(pack, outcomes)), limit))

    async def of_record(self, team: str, record_id: str, run_ids: Collection[str]) -> list[WritebackPack]:
        return [pack for pack in self._packs.all(team) if pack.run_id in run_ids and record_id in pack.record_ids]

    async def tally(self, run: WritebackRun) -> dict[tuple[Entity, str, str | None], int]:
        tally: Counter[tuple[Entity, str, str | None]] = Counter()
        for pack in self._of_run(run):
            tally.update({(pack.entity, *of): number for of, number in tally_of(pack).items()})
        return dict(tally)

    async def sent_again(self, run: WritebackRun) -> int:
        return sum(sent_again_of(pack) for pack in self._of_run(run))

    async def forget(self, team: str, before: str, limit: int) -> int:
        old = list(islice((pack for pack in self._packs.all(team) if pack.run_id < before), limit))
        for pack in old:
            self._packs.delete(team, pack_id(pack))
        return sum(len(pack.record_ids) for pack in old)

    def _of_run(self, run: WritebackRun) -> Iterator[WritebackPack]:
        wanted = (run.run_id, run.sheet)
        return (pack for pack in self._packs.all(run.team) if (pack.run_id, pack.sheet) == wanted)


def _holds(pack: WritebackPack, outcomes: Collection[str] | None) -> bool:
    return outcomes is None or any(outcome in outcomes for outcome, _ in tally_of(pack))


class MemoryWritebackRunQueries:
    def __init__(self, runs: MemoryDocuments[WritebackRun]) -> None:
        self._runs = runs

    async def newest(self, team: str, before: tuple[int, str] | None, limit: int) -> list[WritebackRun]:
        by_beginning = {(run.started_at_ms, run.run_id): run for run in self._runs.all(team)}
        wanted = sorted((at for at in by_beginning if before is None or at < before), reverse=True)
        return [by_beginning[at] for at in wanted[:limit]]

    async def ended_since(self, at_ms: int) -> dict[str, RunTotals]:
        ended: dict[str, list[WritebackRun]] = defaultdict(list)
        for run in self._runs.all():
            if run.finished_at_ms is not None and run.finished_at_ms >= at_ms:
                ended[run.state].append(run)
        return {state: _totals(runs) for state, runs in ended.items()}

    async def going_on(self) -> list[int]:
        return sorted(run.started_at_ms for run in self._runs.all() if run.state == "running")


def _totals(runs: list[WritebackRun]) -> RunTotals:
    return RunTotals(
        len(runs),
        {name: sum(_figure(run, name) for run in runs) for name in RUN_FIGURES},
        max((run.finished_at_ms or 0) - run.started_at_ms for run in runs),
    )


def _figure(run: WritebackRun, name: str) -> int:
    figure: int = sum(run.skipped.values()) if name == "skipped" else getattr(run, name)
    return figure


def memory_store() -> Store:
    runs = MemoryDocuments("writeback_runs", WritebackRun, attrgetter("run_id"))
    packs = MemoryDocuments("writeback_packs", WritebackPack, pack_id)
    moments = MemoryMoments()
    connections = MemoryDocuments("connections", Connection, attrgetter("team"), moments)
    rule_sets = MemoryDocuments("rule_sets", RuleSet, attrgetter("team"), moments)
    records = MemoryRecords("records", Record, attrgetter("record_id"))
    jobs = MemoryDocuments("jobs", Job, attrgetter("job_id"))
    people = MemoryMembers("people", Member, attrgetter("key"))
    accounts = MemoryMembers("accounts", Member, attrgetter("key"))
    engagement = MemoryDocuments("engagement", Engagement, lambda scored: f"{scored.subject}:{scored.key}")
    insights = MemoryDocuments("insights", Insight, attrgetter("record_id"))
    return Store(
        connections=connections,
        rule_sets=rule_sets,
        segments=MemoryDocuments("segments", Segment, attrgetter("segment_id")),
        records=records,
        people=people,
        accounts=accounts,
        engagement=engagement,
        insights=insights,
        writeback_runs=runs,
        writeback_packs=packs,
        writeback_settings=MemoryDocuments("writeback_settings", WritebackSettings, attrgetter("team")),
        jobs=jobs,
        capture_status=MemoryDocuments("capture_status", CaptureStatus, attrgetter("team")),
        audit=MemoryDocuments("audit", AuditEntry, attrgetter("entry_id")),
        api_usage=MemoryDocuments("api_usage", ApiUsage, attrgetter("day")),
        score_tokens=MemoryDocuments("score_tokens", ScoreToken, attrgetter("token_id")),
        record_queries=MemoryRecordQueries(records),
        people_queries=MemoryMemberQueries(people),
        account_queries=MemoryMemberQueries(accounts),
        rule_set_queries=MemoryRuleSetQueries(rule_sets),
        connection_queries=MemoryConnectionQueries(connections),
        job_queries=MemoryJobQueries(jobs),
        writeback_pack_queries=MemoryWritebackPackQueries(packs),
        writeback_run_queries=MemoryWritebackRunQueries(runs),
        planning_queries=MemoryPlanningQueries(engagement, people, accounts, records, insights),
        moments=moments,
    )
