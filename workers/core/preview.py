"""What an edit of a rule set would do, counted over records before it is saved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from schemas.documents import Member, Record
from schemas.events import Entity
from workers.core.evaluation import CompiledRuleSet, Outcome

PEOPLE, ACCOUNTS = "people", "accounts"


@dataclass(slots=True)
class Moves:
    enter: int = 0
    leave: int = 0


@dataclass(slots=True)
class Preview:
    looked_at: int = 0
    """Records evaluated."""
    records: int = 0
    """Records of the entity that there are. More than `looked_at`: the figures are extrapolated from a sample."""
    imported: dict[str, Moves] = field(default_factory=dict)
    """`people` and `accounts` that would be imported, and those that no longer would."""
    segments: dict[str, Moves] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    """Records that a rule selects and that still would not be imported, by reason."""
    fields: dict[str, int] = field(default_factory=dict)
    """Records that would fill a mapped field with something else than now, by field."""
    needs_org: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Lists that only the org can evaluate, by label, and why. Records not asked about yet count as not in them."""

    @property
    def sampled(self) -> bool:
        return self.looked_at < self.records


@dataclass(slots=True)
class Side:
    """What records contribute under one rule set."""

    imported: dict[str, set[str]] = field(default_factory=lambda: {PEOPLE: set(), ACCOUNTS: set()})
    segments: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: {PEOPLE: defaultdict(set), ACCOUNTS: defaultdict(set)}
    )
    """By kind and segment: keys."""
    followed: set[str] = field(default_factory=set)
    """Accounts of imported contacts."""
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record, outcome: Outcome) -> None:
        for kind, contributed in ((PEOPLE, outcome.person), (ACCOUNTS, outcome.account)):
            if contributed is not None:
                key, contribution = contributed
                self.imported[kind].add(key)
                for segment in contribution.segments:
                    self.segments[kind][segment].add(key)
        if outcome.imported and isinstance(account := record.fields.get("AccountId"), str):
            self.followed.add(account)
        if outcome.skip is not None and outcome.skip.reason != "not_in_any_list":
            self.skipped[outcome.skip.reason] += 1


@dataclass(slots=True)
class Comparison:
    """Records under the rule set that is, and under the one that would be."""

    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    record_ids: set[str] = field(default_factory=set)
    fields: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record, before: Outcome, after: Outcome) -> None:
        self.record_ids.add(record.record_id)
        self.before.add(record, before)
        self.after.add(record, after)
        self.fields.update(_differing(_said(before), _said(after)))

    def joined_accounts(self) -> set[str]:
        """Accounts that contacts would bring along, or no longer would."""
        return self.before.followed ^ self.after.followed

    def moving(self, kind: str) -> set[str]:
        """Keys of which something would change: others may contribute the same to them."""
        moving = self.before.imported[kind] ^ self.after.imported[kind]
        before, after = self.before.segments[kind], self.after.segments[kind]
        return moving.union(*(before[segment] ^ after[segment] for segment in {*before, *after}))

    def moves(self, kind: str, members: Mapping[str, Member]) -> tuple[Moves, dict[str, Moves]]:
        """Of members and of their segments, without those whom other records hold there anyway."""
        alive, elsewhere = set(), defaultdict(set)
        for key, member in members.items():
            others = [each for record_id, each in member.contributions.items() if record_id not in self.record_ids]
            living = [each for each in others if not each.gone]
            if living or member.by_hand:
                alive.add(key)
            for segment in {segment for each in living for segment in each.segments} | member.by_hand.keys():
                elsewhere[segment].add(key)
        before, after = self.before.segments[kind], self.after.segments[kind]
        return (
            _moves(self.before.imported[kind], self.after.imported[kind], alive),
            {each: _moves(before[each], after[each], elsewhere[each]) for each in sorted({*before, *after})},
        )


def _said(outcome: Outcome) -> Mapping[str, object]:
    said = outcome.person or outcome.account
    return said[1].fields if said is not None else {}


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> Iterable[str]:
    """Mapped fields that differ, of who is imported before and after."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)} if before and after else ()


def _moves(before: set[str], after: set[str], anyway: Collection[str]) -> Moves:
    return Moves(
        enter=sum(key not in anyway for key in after - before), leave=sum(key not in anyway for key in before - after)
    )


def extrapolated(preview: Preview) -> Preview:
    """The figures of a sample, for all the records that there are."""
    if not preview.sampled or not preview.looked_at:
        return preview
    for moves in (*preview.imported.values(), *preview.segments.values()):
        moves.enter, moves.leave = _share(moves.enter, preview), _share(moves.leave, preview)
    preview.skipped = {reason: _share(n, preview) for reason, n in preview.skipped.items()}
    preview.fields = {name: _share(n, preview) for name, n in preview.fields.items()}
    return preview


def _share(number: int, preview: Preview) -> int:
    return round(number * preview.records / preview.looked_at)


def only_the_org_tells(rules: CompiledRuleSet, entity: Entity) -> dict[str, tuple[str, ...]]:
    """Lists in use that cannot be evaluated here, by id, and why."""
    return {
        list_id: compiled.reasons for list_id, compiled in rules.by_entity[entity].lists if compiled.predicate is None
    }
