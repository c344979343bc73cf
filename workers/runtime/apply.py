"""Applies changes and re-evaluation commands to the store: the one way in which records become people and accounts.

Everything may run twice. A crash between any two writes leaves marks in the documents (`Record.targets`,
`Record.accounts_due`, `Member.announced`) from which the next delivery of the same message finishes the work, so a
message may be acknowledged once `apply` has returned, and never before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.documents import Contribution, Record
from schemas.events import Change, Reevaluation
from workers.core.asking import answered, asking
from workers.core.conversion import (
    before_conversion,
    conversion_commands,
    conversion_due,
    is_converted,
    joined,
)
from workers.core.echo import echoes, owes
from workers.core.evaluation import (
    CompiledRuleSet,
    Outcome,
    Related,
    contacts_due,
    contributions,
    decided,
    evaluate,
)
from workers.core.follow import accounts_due
from workers.core.merge import blank, merge
from workers.core.survivors import survivor_commands, survivors_due, told_of
from workers.ports import Clock, Publisher, Refused, Store, Unavailable
from workers.runtime.members import MemberWriter, folding
from workers.runtime.merged import read_contacts_again
from workers.runtime.relations import Relations
from workers.runtime.rule_sets import RuleSets

Key = tuple[str, str]
"""(team, record id) or (team, member key)."""

Settled = dict[Key, tuple[Record, Outcome]]
"""Records as they are stored now, each with what it means."""

ROUNDS = 20
"""Lost compare-and-swaps in a row before the batch is given up: each round somebody else made progress, so more than a
handful means that two workers believe they own the same partition."""


NOTHING_DUE = {"accounts_due": (), "contacts_due": False, "conversion_due": False, "survivors_due": ()}


@dataclass(slots=True)
class Work:
    """What a batch asks of one record."""

    changes: list[Change] = field(default_factory=list)
    commanded: bool = False
    """Something that the record is evaluated with may have changed."""
    news: list[Reevaluation] = field(default_factory=list)
    """Commands that tell something: the org's answers, the leads of a contact, the losers of a merge."""

    def is_echo(self, stored: Record | None, rules: CompiledRuleSet) -> bool:
        return not self.commanded and echoes(stored, self.changes, rules)


@dataclass(slots=True)
class Applied:
    read: int = 0
    records_changed: int = 0
    people_changed: int = 0
    accounts_changed: int = 0
    memberships: int = 0
    echoes: int = 0
    """Records that only our own write-back had changed: mirrored, and no further."""

    def add(self, other: Applied) -> None:
        self.read += other.read
        self.records_changed += other.records_changed
        self.people_changed += other.people_changed
        self.accounts_changed += other.accounts_changed
        self.memberships += other.memberships
        self.echoes += other.echoes


class Applier:
    def __init__(self, store: Store, publisher: Publisher, clock: Clock, *, announcing: bool = True) -> None:
        """Without `announcing`, who entered and left is not published and stays owed to whoever does announce."""
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._relations = Relations(store)
        self._members = MemberWriter(publisher, announcing=announcing)
        self._rule_sets = RuleSets(store)

    async def apply(self, batch: Sequence[Change | Reevaluation]) -> Applied:
        """Write everything that the batch entails, with majority; raises Unavailable when that cannot be done now."""
        applied = Applied(read=len(batch))
        todo = group(batch)
        for _ in range(ROUNDS):
            if not todo:
                return applied
            todo = await self._round(todo, applied)
        raise Unavailable(f"{len(todo)} records lost {ROUNDS} compare-and-swaps in a row, e.g. {next(iter(todo))}")

    async def _round(self, todo: Mapping[Key, Work], applied: Applied) -> dict[Key, Work]:
        rules = await self._rule_sets.current({team for team, _ in todo}, self._clock.now_ms())
        stored = await self._store.records.load(todo)
        merged = {key: record for key, work in todo.items() if (record := merged_record(stored.get(key), work))}
        echoed = {key for key in merged if todo[key].is_echo(stored.get(key), rules[key[0]])}
        heard = {key: record for key, record in merged.items() if key not in echoed}
        related = await self._relations.of(heard, rules)
        decisions = {
            key: evaluated(record, stored.get(key), todo[key], related[key], rules[key[0]])
            for key, record in heard.items()
        }
        renewed = {key for key, record in heard.items() if todo[key].commanded and rules[key[0]].reads_others(record)}
        records = {key: record for key, (record, _) in decisions.items()} | {key: merged[key] for key in echoed}
        written, lost = await self._write_records(renewed, stored, records)
        applied.records_changed += len(written)
        applied.echoes += len(echoed - lost)
        settled = {
            key: (written.get(key, record), outcome) for key, (record, outcome) in decisions.items() if key not in lost
        }
        settled |= await self._command_neighbours(settled)
        await self._write_members(settled.values(), applied)
        again = await self._relations.missed(settled, merged, stored, related, rules)
        outdated = await self._rule_sets.outdated(rules)
        again |= {key for key in settled if key[0] in outdated}
        return {key: todo[key] for key in lost} | {key: Work(commanded=True) for key in again}

    async def _write_records(
        self, renewed: set[Key], stored: Mapping[Key, Record], records: Mapping[Key, Record]
    ) -> tuple[dict[Key, Record], set[Key]]:
        """What has changed, and all of `renewed`: their neighbours may have changed what they contribute, and a
        contribution needs a higher revision than the one before. A racing evaluation then loses its swap."""
        changed = {key: record for key, record in records.items() if record is not stored.get(key) or key in renewed}
        losers = await self._store.records.swap(list(changed.values())) if changed else []
        lost = {(record.team, record.record_id) for record in losers}
        written = {
            key: record.model_copy(update={"rev": record.rev + 1}) for key, record in changed.items() if key not in lost
        }
        return written, lost

    async def _write_members(self, settled: Iterable[tuple[Record, Outcome]], applied: Applied) -> None:
        people: dict[Key, dict[str, Contribution]] = defaultdict(dict)
        accounts: dict[Key, dict[str, Contribution]] = defaultdict(dict)
        for record, outcome in settled:
            to_people, to_accounts = contributions(record, outcome)
            for key, contribution in to_people.items():
                people[record.team, key][record.record_id] = contribution
            for key, contribution in to_accounts.items():
                accounts[record.team, key][record.record_id] = contribution
        of_people = await self._members.change(self._store.people, folding(people))
        of_accounts = await self._members.change(self._store.accounts, folding(accounts))
        applied.people_changed += of_people.changed
        applied.accounts_changed += of_accounts.changed
        applied.memberships += of_people.announced + of_accounts.announced

    async def _command_neighbours(self, settled: Settled) -> Settled:
        """Have the accounts that contacts joined or left, the contacts of accounts that changed, the other side of
        conversions and the survivors of merges evaluated again, then clear the note of it.

        Before the members are written, since these carry the record's last revision. A lost swap means that the
        record changed meanwhile: whoever wrote it found the note and commands again.
        """
        due = {key: record for key, (record, _) in settled.items() if owes(record)}
        if not due:
            return {}
        if commands := [command for record in due.values() for command in neighbour_commands(record)]:
            await self._publisher.reevaluations(commands)
        for record in due.values():
            if record.contacts_due:
                await self._command_contacts(record)
        cleared = {key: record.model_copy(update=NOTHING_DUE) for key, record in due.items()}
        lost = {(record.team, record.record_id) for record in await self._store.records.swap(list(cleared.values()))}
        return {
            key: (record.model_copy(update={"rev": record.rev + 1}), settled[key][1])
            for key, record in cleared.items()
            if key not in lost
        }

    async def _command_contacts(self, account: Record) -> None:
        """Page by page: an account may have a hundred thousand."""
        async for ids in self._store.record_queries.contacts_of(account.team, account.record_id):
            if ids and not account.alive:
                await read_contacts_again(self._store, account, ids, self._clock.now_ms())
            await self._publisher.reevaluations(
                [
                    Reevaluation(team=account.team, entity="contact", record_id=record_id, reason="account")
                    for record_id in ids
                ]
            )


def group(batch: Iterable[Change | Reevaluation]) -> dict[Key, Work]:
    todo: dict[Key, Work] = defaultdict(Work)
    for message in batch:
        work = todo[message.team, message.record_id]
        if isinstance(message, Change):
            work.changes.append(message)
        else:
            work.commanded = True
            if message.answers or message.leads or message.losers:
                work.news.append(message)
    return dict(todo)


def merged_record(stored: Record | None, work: Work) -> Record | None:
    """None: a command about a record that is not known. A contact is noted as soon as a lead was converted to it, a
    survivor as soon as a record was merged into it."""
    record = stored
    if record is None:
        about = next(iter(work.changes), None) or next((each for each in work.news if each.leads or each.losers), None)
        if about is None:
            return None
        record = blank(about)
    for change in work.changes:
        if change.entity != record.entity:
            raise Refused(f"{change.record_id} of team {change.team} is a {record.entity}, not a {change.entity}")
        record = merge(record, change)
    for command in work.news:
        record = told_of(joined(answered(record, command), command), command)
    return record


def evaluated(
    record: Record, stored: Record | None, work: Work, related: Related, rules: CompiledRuleSet
) -> tuple[Record, Outcome]:
    if is_converted(record) and (before := before_conversion(stored, work.changes)):
        record = record.model_copy(update={"held_at_conversion": evaluate(before, Related(), rules).held})
    outcome = evaluate(record, related, rules)
    after = decided(record, outcome, rules.version)
    due = {
        "accounts_due": accounts_due(stored, after),
        "contacts_due": contacts_due(stored, after, rules),
        "conversion_due": conversion_due(stored, after),
        "survivors_due": survivors_due(stored, after, work.news),
        **asking(stored, after, rules),
    }
    return (after if _says(after, due) else after.model_copy(update=due)), outcome


def _says(record: Record, values: Mapping[str, object]) -> bool:
    return all(getattr(record, name) == value for name, value in values.items())


def neighbour_commands(record: Record) -> list[Reevaluation]:
    """Without the contacts of an account, which are read page by page."""
    of_accounts = [
        Reevaluation(team=record.team, entity="account", record_id=account_id, reason="account")
        for account_id in record.accounts_due
    ]
    return [*of_accounts, *conversion_commands(record), *survivor_commands(record)]
