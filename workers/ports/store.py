"""The documents, and the questions asked about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

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
from workers.ports.planning import PlanningQueries

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
    ScoreToken,
    Segment,
    WritebackPack,
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


class Records(Documents[Record], Protocol):
    async def note_unchanged(self, records: Sequence[Record], rule_set_version: int) -> None:
        """Note of those that are stored at the same `rev`, under an older version of the rules, that they contribute
        the same under this one; `rev` stays. Those that somebody wrote meanwhile are passed over.

        Acknowledged by a majority. Takes a third of a swap.
        """


class Members(Documents[Member], Protocol):
    """People, or accounts."""

    async def note_announced(self, members: Sequence[Member]) -> list[Member]:
        """Note of those that are stored at the same `rev` that their `segments` have been announced; `rev` stays.

        Acknowledged by a majority. Returns those of which it may not be noted, since somebody wrote them meanwhile.
        """


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

    async def unasked_teams(self) -> set[str]:
        """Teams with deleted records of which the org is to be asked whether they were merged
        (`core.survivors.is_unasked`)."""

    async def unasked(self, team: str, after: str, limit: int) -> list[Record]:
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


class Moments(Protocol):
    async def now(self) -> int:
        """A moment by the store's own count, whatever the clocks of its users say. It means something to
        `written_since` alone."""


class RuleSetQueries(Protocol):
    async def versions(self, teams: Collection[str]) -> dict[str, int]:
        """Current rule set version of each team; teams without one are absent."""

    async def written_since(self, moment: int) -> dict[str, int]:
        """Current version of each rule set that was written since then, or shortly before."""

    async def unapplied(self, limit: int) -> list[RuleSet]:
        """Rule sets whose `applied_version` lies behind `version`."""


class JobQueries(Protocol):
    async def open(self) -> list[Job]:
        """Of every team, the jobs with a request that are pending or running."""


class ConnectionQueries(Protocol):
    async def active(self) -> list[Connection]: ...

    async def written_since(self, moment: int) -> list[Connection]:
        """Connections of whatever state that were written since then, or shortly before.

        One whose write takes longer than a minute to become visible may be missed: now and then `active` must be asked.
        """


RUN_FIGURES = (
    *("planned", "sent", "accepted", "rejected", "retried", "unprocessed", "disabled", "postponed", "kept"),
    *("skipped", "calls_used", "calls_saved"),
)
"""Of a run; `skipped`: of all reasons together."""


@dataclass(frozen=True, slots=True)
class RunTotals:
    """Ended runs, of all teams together."""

    runs: int
    figures: Mapping[str, int]
    """By name in RUN_FIGURES."""
    longest_ms: int
    """From the beginning of a run to its end."""


class WritebackRunQueries(Protocol):
    """Questions about runs."""

    async def newest(self, team: str, before: tuple[int, str] | None, limit: int) -> list[WritebackRun]:
        """Up to `limit` runs, latest beginning first: those before a (`started_at_ms`, `run_id`)."""

    async def ended_since(self, at_ms: int) -> dict[str, RunTotals]:
        """By state, the runs of every team that ended then or later."""

    async def going_on(self) -> list[int]:
        """Of every team's runs that have not ended, `started_at_ms`, ascending."""


class WritebackPackQueries(Protocol):
    """Questions about the rows of runs, answered by the packs that hold them (`workers.runtime.writeback_rows`)."""

    async def in_order(
        self, run: WritebackRun, begin: str, until: str, outcomes: Collection[str] | None, limit: int
    ) -> list[WritebackPack]:
        """Up to `limit` packs of a run with a place from `begin` to `until`, ascending, that hold a row with one of
        these outcomes (None: any). Others are not read."""

    async def of_record(self, team: str, record_id: str, run_ids: Collection[str]) -> list[WritebackPack]:
        """The packs of these runs, whatever their sheet, that hold a row of the record."""

    async def tally(self, run: WritebackRun) -> dict[tuple[Entity, str, str | None], int]:
        """Rows by entity, outcome and Salesforce's code."""

    async def sent_again(self, run: WritebackRun) -> int:
        """Rows that were sent more than once."""

    async def forget(self, team: str, before: str, limit: int) -> int:
        """Delete up to `limit` packs of runs whose id is less than `before`, such as a date; returns how many rows they
        held."""


@dataclass(frozen=True, slots=True)
class Store:
    """All collections of one database."""

    connections: Documents[Connection]
    rule_sets: Documents[RuleSet]
    segments: Documents[Segment]
    records: Records
    people: Members
    accounts: Members
    engagement: Documents[Engagement]
    insights: Documents[Insight]
    writeback_runs: Documents[WritebackRun]
    writeback_packs: Documents[WritebackPack]
    writeback_settings: Documents[WritebackSettings]
    jobs: Documents[Job]
    capture_status: Documents[CaptureStatus]
    audit: Documents[AuditEntry]
    api_usage: Documents[ApiUsage]
    score_tokens: Documents[ScoreToken]
    record_queries: RecordQueries
    people_queries: MemberQueries
    account_queries: MemberQueries
    rule_set_queries: RuleSetQueries
    connection_queries: ConnectionQueries
    moments: Moments
    job_queries: JobQueries
    writeback_pack_queries: WritebackPackQueries
    writeback_run_queries: WritebackRunQueries
    planning_queries: PlanningQueries
