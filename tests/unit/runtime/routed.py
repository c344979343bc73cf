"""A routing process in memory, and what its teams have in the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.documents import Member, Record, Rule, RuleSet, Skip
from schemas.events import Change, MembershipChange, Reevaluation
from tests.support.clock import SetClock
from workers.adapters.memory.documents import MemoryDocuments
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.store import memory_store
from workers.core.echo import owes
from workers.core.evaluation import (
    CompiledRuleSet,
    Related,
    account_fields,
    compile_rule_set,
    contributions,
    decided,
    evaluate,
)
from workers.core.members import blank_member, fold
from workers.core.merge import blank, merge
from workers.ports import D, Documents, Store
from workers.runtime.apply import Applied, Applier

from .crm import RULES, rule_set

State = dict[str, dict[tuple[str, str], Any]]
Membership = tuple[str, str, str]
"""(team, segment, member)."""


class Routed:
    def __init__(self) -> None:
        self.store = memory_store()
        self.publisher = MemoryPublisher()
        self.clock = SetClock(0)
        self.applier = Applier(self.store, self.publisher, self.clock)
        self._commanded = 0

    async def rules(self, *rules: Rule, team: str = "acme") -> None:
        """Edit the team's rules, under the next version."""
        before = (await self.store.rule_sets.load([(team, team)])).get((team, team))
        version, rev = (before.version, before.rev) if before else (0, 0)
        edited = rule_set(*rules, team=team, version=version + 1)
        applied = before.applied_version if before else 0
        lost = await self.store.rule_sets.swap([edited.model_copy(update={"rev": rev, "applied_version": applied})])
        assert not lost

    async def apply(self, *batch: Change | Reevaluation) -> Applied:
        return await self.applier.apply(batch)

    def commands(self) -> list[Reevaluation]:
        """Those published since the last call."""
        new = self.publisher.published_reevaluations[self._commanded :]
        self._commanded += len(new)
        return new

    async def settle(self) -> None:
        """Follow the commands, and those that they cause, until there are none."""
        while commands := self.commands():
            await self.applier.apply(commands)

    async def record(self, record_id: str, team: str = "acme") -> Record:
        return (await self.store.records.load([(team, record_id)]))[team, record_id]

    async def skip(self, record_id: str) -> Skip | None:
        return (await self.record(record_id)).skip

    def people(self, team: str = "acme") -> dict[str, tuple[str, ...]]:
        """The segments of each living person."""
        return living(self.store.people, team)

    def accounts(self, team: str = "acme") -> dict[str, tuple[str, ...]]:
        return living(self.store.accounts, team)

    def told(self) -> list[tuple[str, str, str]]:
        """(kind, segment, member) in the order of the topic."""
        return [(m.kind, m.segment_id, m.member) for m in self.publisher.published_memberships]


def documents(of: Documents[D]) -> MemoryDocuments[D]:
    assert isinstance(of, MemoryDocuments)
    return of


def living(members: Documents[Member], team: str) -> dict[str, tuple[str, ...]]:
    return {member.key: member.segments for member in documents(members).all(team) if member.alive}


async def routed(*rules: Rule) -> Routed:
    """One team, with rules."""
    built = Routed()
    await built.rules(*(rules or RULES))
    return built


# --- the oracle ------------------------------------------------------------------------------------------------------


def state(store: Store) -> State:
    """All that must converge: without revisions, and without what has died or been withdrawn."""
    return {
        "records": {(r.team, r.record_id): record_state(r) for r in documents(store.records).all()},
        "people": {(m.team, m.key): member_state(m) for m in documents(store.people).all() if m.alive},
        "accounts": {(m.team, m.key): member_state(m) for m in documents(store.accounts).all() if m.alive},
    }


def record_state(record: Record) -> dict[str, Any]:
    return record.model_dump(exclude={"rev", "targets"})


def member_state(member: Member) -> dict[str, Any]:
    said = {
        record_id: contribution.model_dump(exclude={"rev"})
        for record_id, contribution in member.contributions.items()
        if not contribution.gone
    }
    return {"said": said, "fields": member.fields, "segments": member.segments}


def expected(changes: Iterable[Change], rule_sets: Sequence[RuleSet]) -> State:
    """What the changes mean under the rules, computed at once from all of them in the order of their versions."""
    compiled = {each.team: compile_rule_set(each, 0) for each in rule_sets}
    records: dict[tuple[str, str], Record] = {}
    for each in sorted(changes, key=lambda change: change.version):
        key = (each.team, each.record_id)
        records[key] = merge(records.get(key) or blank(each), each)
    followed: set[tuple[str, str]] = set()
    for key, record in records.items():
        if record.entity != "account":
            records[key] = settled(record, related(record, records, followed, compiled), compiled[record.team])
            if record.entity == "contact" and records[key].imported:
                followed.add((record.team, str(record.fields.get("AccountId"))))
    members: dict[str, dict[tuple[str, str], Member]] = {"people": {}, "accounts": {}}
    for key, record in records.items():
        near = related(record, records, followed, compiled)
        records[key] = settled(record, near, compiled[record.team])
        contribute(records[key], near, compiled[record.team], members)
    return {
        "records": {key: record_state(record) for key, record in records.items()},
        **{name: {k: member_state(m) for k, m in found.items() if m.alive} for name, found in members.items()},
    }


def settled(record: Record, related: Related, rules: CompiledRuleSet) -> Record:
    return decided(record, evaluate(record, related, rules), rules.version)


def related(
    record: Record,
    records: Mapping[tuple[str, str], Record],
    followed: set[tuple[str, str]],
    rules: Mapping[str, CompiledRuleSet],
) -> Related:
    account = records.get((record.team, str(record.fields.get("AccountId"))))
    return Related(
        has_imported_contacts=(record.team, record.record_id) in followed,
        account=account_fields(account, rules[record.team]) if record.entity == "contact" else {},
    )


def contribute(
    record: Record, near: Related, rules: CompiledRuleSet, members: dict[str, dict[tuple[str, str], Member]]
) -> None:
    outcome = evaluate(record, near, rules)
    for name, said in zip(members, contributions(record, outcome), strict=True):
        for key, contribution in said.items():
            member = members[name].get((record.team, key)) or blank_member(record.team, key)
            members[name][record.team, key] = fold(member, record.record_id, contribution)


def heard(messages: Iterable[MembershipChange]) -> set[Membership]:
    """The memberships as a consumer of the topic has them, who drops what is older than what it has seen."""
    newest: dict[Membership, MembershipChange] = {}
    for message in messages:
        of = (message.team, message.segment_id, message.member)
        if of not in newest or message.revision >= newest[of].revision:
            newest[of] = message
    return {of for of, message in newest.items() if message.kind == "entered"}


def memberships(store: Store) -> set[Membership]:
    members = [*documents(store.people).all(), *documents(store.accounts).all()]
    return {(member.team, segment, member.key) for member in members for segment in member.segments}


def assert_nothing_is_owed(store: Store) -> None:
    """No mark of unfinished work is left."""
    assert [record for record in documents(store.records).all() if owes(record)] == []
    members = [*documents(store.people).all(), *documents(store.accounts).all()]
    assert [member for member in members if member.announced != member.segments] == []
