"""Why somebody is, or is not, in a segment: everything that is known about a record, a person or an account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import attrgetter

from schemas.documents import Insight, Member, Record, RuleSet, WritebackRow
from workers.core.explain import RuleVerdict, explain_rules
from workers.core.normalize import long_id
from workers.core.survivors import folded
from workers.ports import Refused, Store
from workers.runtime.edits import rule_set_of
from workers.runtime.relations import Relations
from workers.runtime.rule_sets import compiled_for
from workers.runtime.writeback_rows import of_record

RUNS = 90
"""Rows of write-back are kept 90 days, one run a day."""

RUNS_AT_ONCE = 10
"""Asked together for a record's row: each that has one brings a pack."""

RUN_ID = attrgetter("run_id")

RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


@dataclass(frozen=True, slots=True)
class RecordExplained:
    record: Record
    merged_here: tuple[str, ...]
    """The records that were merged into it."""
    rules: tuple[RuleVerdict, ...]
    insight: Insight | None
    """What Salesforce last accepted from us."""
    last_row: WritebackRow | None


@dataclass(frozen=True, slots=True)
class Explanation:
    team: str
    subject: str
    rule_set_version: int
    records: tuple[RecordExplained, ...]
    members: tuple[Member, ...]
    """People and accounts that the records contribute to, or that were asked for."""


async def explain(store: Store, team: str, subject: str, now_ms: int) -> Explanation:
    """`subject` is a record id, an e-mail address or a domain. Raises Refused when nothing is known of it."""
    rule_set = await rule_set_of(store, team)
    asked = await _members(store, team, [subject.casefold()])
    record_ids = [each for member in asked for each in member.contributions] or [subject]
    records = await _records(store, team, record_ids)
    if not records and not asked:
        raise Refused(
            f"team {team} knows no record, person or account {subject}. A record is known once a change or an import "
            "brought it: `segment-sync teams status` tells how far the import is"
        )
    targets = {key for record in records for key in (*record.targets.people, *record.targets.accounts)}
    members = asked or await _members(store, team, sorted(targets))
    explained = tuple([await _explained(store, record, rule_set, now_ms) for record in records])
    return Explanation(team, subject, rule_set.version, explained, tuple(members))


async def _members(store: Store, team: str, keys: list[str]) -> list[Member]:
    wanted = [(team, key) for key in keys]
    return [*(await store.people.load(wanted)).values(), *(await store.accounts.load(wanted)).values()]


async def _records(store: Store, team: str, record_ids: list[str]) -> list[Record]:
    """In the order of the ids; an id of 15 characters is looked up by its 18."""
    wanted = [(team, long_id(each)) for each in record_ids if RECORD_ID.fullmatch(each)]
    found = await store.records.load(wanted)
    return [found[key] for key in wanted if key in found]


async def _explained(store: Store, record: Record, rule_set: RuleSet, now_ms: int) -> RecordExplained:
    key = (record.team, record.record_id)
    compiled = compiled_for(rule_set, now_ms)
    related = (await Relations(store).of({key: record}, {record.team: compiled}))[key]
    insight = (await store.insights.load([key])).get(key)
    losers = await _records(store, record.team, list(record.losers))
    return RecordExplained(
        record,
        tuple(loser.record_id for loser in folded(record, losers)),
        explain_rules(record, related, rule_set, compiled),
        insight,
        await _last_row(store, record),
    )


async def _last_row(store: Store, record: Record) -> WritebackRow | None:
    runs = sorted([run async for run in store.writeback_runs.scan(record.team)], key=RUN_ID, reverse=True)[:RUNS]
    for start in range(0, len(runs), RUNS_AT_ONCE):
        if rows := await of_record(store, runs[start : start + RUNS_AT_ONCE], record.record_id):
            return rows[0]
    return None
