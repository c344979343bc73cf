"""What a record means under a team's rule set: the one function behind every trigger (change, command, replay)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import NamedTuple, TypeAlias

from schemas.documents import Contribution, FieldMapping, ListDefinition, Reason, Record, Rule, RuleSet, Skip, Targets
from schemas.events import ENTITIES, Entity, RecordId
from workers.core.conversion import contact_of, is_converted
from workers.core.fingerprint import fingerprint
from workers.core.identity import account_key, lead_account_key, person_key
from workers.core.lists.days import Calendar, RelativeDays, next_flip
from workers.core.lists.gates import GateKeeper
from workers.core.lists.operators import Reading
from workers.core.lists.predicates import ACCOUNT, CompiledList, UnsupportedCondition, compile_list
from workers.core.mapping import IDENTITY, map_fields, precedences
from workers.core.merge import changed_by_others, latest_version

ALWAYS_READ = frozenset(
    {"AccountId", "ConvertedContactId", "CreatedDate", "IsConverted", "MasterRecordId", "Website"}
    | {source for source, _ in IDENTITY.values()}
)
"""Fields that tell who a record is, whom it follows or became and, for a preference, how old it is."""

NOT_IN_ANY_LIST = Skip(reason="not_in_any_list")


@dataclass(frozen=True, slots=True)
class Related:
    """What evaluation needs to know beyond the record itself."""

    has_imported_contacts: bool = False
    """Of an account: an imported, living contact points at it, and brings it along."""
    account: Mapping[str, object] = field(default_factory=dict)
    """Of a contact: what lists and mappings read of its account (`Account.Industry`)."""
    leads: tuple[RecordId, ...] = ()
    """Of a contact: the leads that were converted to it, or to contacts that are merged into it."""
    carried: tuple[Reason, ...] = ()
    """What held them."""
    taken_over: bool = False
    """Of a converted lead: its contact stands in its place."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A rule, ready to run: the lists that feed it, each with the reason it gives."""

    rule_id: str
    segment_id: str | None
    reasons: tuple[tuple[str, Reason], ...]
    """(list id, reason); none of a rule that is not active."""
    keeps: bool = False
    """Whom it held before stays, whatever its lists say now."""


@dataclass(frozen=True, slots=True)
class EntityRules:
    lists: tuple[tuple[str, CompiledList], ...] = ()
    """(list id, list) of every list in use, each once."""
    bindings: tuple[Binding, ...] = ()
    mappings: tuple[FieldMapping, ...] = ()
    index: RuleIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", index_of(self))

    @property
    def reads(self) -> frozenset[str]:
        """Fields on which it depends what a record contributes, and to whom."""
        return self.index.reads

    @property
    def account_fields(self) -> frozenset[str]:
        """Fields of a contact's account that lists and mappings read."""
        return frozenset(name.removeprefix(ACCOUNT) for name in self.reads if name.startswith(ACCOUNT))


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """What evaluation asks of an entity's rules, so that a record meets only the few that may concern it."""

    gates: GateKeeper
    """By the place of the list."""
    fed_by: Mapping[str, tuple[int, ...]]
    """By list id: places of the bindings that it feeds."""
    keeping: Mapping[str, int]
    """By rule id: places of the bindings that keep whom they held."""
    relative: frozenset[tuple[str, RelativeDays]]
    reads: frozenset[str]
    answered: frozenset[str]
    """Ids of lists that only the org can evaluate."""
    asked: tuple[str, ...]
    """Of these, the ones that it can be asked about."""


def index_of(rules: EntityRules) -> RuleIndex:
    fed_by: dict[str, tuple[int, ...]] = defaultdict(tuple)
    for place, binding in enumerate(rules.bindings):
        for list_id, _ in binding.reasons:
            fed_by[list_id] += (place,)
    return RuleIndex(
        GateKeeper(compiled.gate for _, compiled in rules.lists),
        dict(fed_by),
        {binding.rule_id: place for place, binding in enumerate(rules.bindings) if binding.keeps},
        frozenset(relative for _, compiled in rules.lists for relative in compiled.relative),
        ALWAYS_READ.union(
            *(compiled.tested for _, compiled in rules.lists), *(mapping.sources for mapping in rules.mappings)
        ),
        frozenset(id_ for id_, compiled in rules.lists if compiled.predicate is None),
        tuple(id_ for id_, compiled in rules.lists if compiled.predicate is None and not compiled.frozen),
    )


@dataclass(frozen=True, slots=True)
class CompiledRuleSet:
    """A rule set as it reads on one day of the org."""

    version: int
    by_entity: Mapping[Entity, EntityRules]
    reading: Reading
    account_fields: frozenset[str] = frozenset()
    """Of accounts: contacts are evaluated again when one of these changes."""
    valid_until_ms: int | None = None
    """When relative dates begin to mean other days; None: it holds none."""

    def reads_others(self, record: Record) -> bool:
        """Whether what the record contributes depends on other records."""
        if record.entity == "contact":
            return bool(self.account_fields or record.leads or record.losers)
        return record.entity == "account" or bool(record.held_at_conversion)


class Said(NamedTuple):
    """What an imported record contributes, each with the key of its member."""

    person: tuple[str, Contribution] | None
    account: tuple[str, Contribution] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a record contributes, and to whom; `skip` says why a living record is not imported."""

    imported: bool
    skip: Skip | None = None
    person: tuple[str, Contribution] | None = None
    account: tuple[str, Contribution] | None = None
    held: tuple[Reason, ...] = ()
    """Why a rule selects it, be it imported or skipped for another reason."""
    in_lists: tuple[str, ...] = ()
    """The lists that hold it."""
    evaluate_at_ms: int | None = None
    """When a relative date may change this without the record being changed."""


Held: TypeAlias = tuple[tuple[Binding, tuple[Reason, ...]], ...]
"""The rules that select a record, each with its reasons."""

NOTHING = Outcome(imported=False)


def compile_rule_set(rule_set: RuleSet, now_ms: int) -> CompiledRuleSet:
    """The active rules, ready to run on the day that `now_ms` falls on in the org.

    Raises UnsupportedCondition when one of them names a list that is unknown, of another entity or not to be used.
    """
    calendar = Calendar(**rule_set.calendar.model_dump())
    reading = Reading(calendar.today(now_ms), calendar)
    by_entity = {entity: _compile_entity(rule_set, entity, reading) for entity in ENTITIES}
    relative = any(compiled.relative for rules in by_entity.values() for _, compiled in rules.lists)
    return CompiledRuleSet(
        rule_set.version,
        by_entity,
        reading,
        by_entity["contact"].account_fields,
        calendar.begins_ms(reading.today + timedelta(days=1)) if relative else None,
    )


def _compile_entity(rule_set: RuleSet, entity: Entity, reading: Reading) -> EntityRules:
    rules = [rule for rule in rule_set.rules if rule.active and rule.entity == entity]
    lists = {list_id: _list_of(rule_set, rule, list_id) for rule in rules for list_id in rule.list_ids}
    return EntityRules(
        lists=tuple((list_id, compile_list(definition, reading)) for list_id, definition in lists.items()),
        bindings=tuple(
            _bind(rule) for rule in rule_set.rules if rule.entity == entity and (rule.active or rule.retains)
        ),
        mappings=rule_set.mappings.get(entity, ()),
    )


def _list_of(rule_set: RuleSet, rule: Rule, list_id: str) -> ListDefinition:
    definition = rule_set.lists.get(list_id)
    if definition is None:
        raise UnsupportedCondition(
            f"Rule {rule.rule_id} uses the list {list_id}, whose definition is not known: add the list to it again."
        )
    if definition.entity != rule.entity:
        raise UnsupportedCondition(
            f"Rule {rule.rule_id} imports {rule.entity}s, but its list “{definition.label}” holds "
            f"{definition.entity}s: choose a list of {rule.entity}s."
        )
    return definition


def _bind(rule: Rule) -> Binding:
    if rule.destination.kind == "segment" and rule.destination.segment_id is None:
        raise UnsupportedCondition(f"Rule {rule.rule_id} feeds a segment but names none: choose its segment again.")
    return Binding(
        rule.rule_id,
        segment_id=rule.destination.segment_id if rule.destination.kind == "segment" else None,
        reasons=tuple(
            (list_id, Reason(rule_id=rule.rule_id, list_id=list_id)) for list_id in rule.list_ids if rule.active
        ),
        keeps=rule.on_leave == "keep" or not rule.active,
    )


def evaluate(record: Record, related: Related, rules: CompiledRuleSet) -> Outcome:
    """What the record contributes under these rules; pure.

    The lists come first: nobody asks why a record that no rule selects is not imported. Of those selected, one without
    e-mail (account: website) is skipped for that.
    A record known only by updates contributes nothing until its full state has come: an empty field would match
    "not equal", and the person would enter a segment only to leave it again.
    """
    if not record.alive:
        return NOTHING
    if record.full_version is None:
        return replace(NOTHING, held=record.held)
    entity_rules = rules.by_entity[record.entity]
    fields = reads(record, related)
    holding = _holding(record, fields, entity_rules)
    held = _selecting(record, related, holding, rules)
    say = _account_says if record.entity == "account" else _person_says
    said = say(record, fields, related, entity_rules, held)
    flip = _next_flip(fields, entity_rules, rules.reading)
    return Outcome(
        imported=isinstance(said, Said),
        skip=said if isinstance(said, Skip) else None,
        person=said.person if isinstance(said, Said) else None,
        account=said.account if isinstance(said, Said) else None,
        held=tuple(reason for _, reasons in held for reason in reasons),
        in_lists=tuple(sorted(holding)),
        evaluate_at_ms=None if flip is None else rules.reading.calendar.begins_ms(flip),
    )


def reads(record: Record, related: Related) -> Mapping[str, object]:
    """All that lists and mappings can read of a record."""
    return {**record.fields, **related.account} if related.account else record.fields


def account_fields(account: Record | None, rules: CompiledRuleSet) -> dict[str, object]:
    """What lists and mappings of contacts see of their account: nothing before its full state has come."""
    if account is None or not account.alive or account.full_version is None:
        return {}
    return {ACCOUNT + name: value for name in rules.account_fields if (value := account.fields.get(name)) is not None}


def contacts_due(before: Record | None, after: Record, rules: CompiledRuleSet) -> bool:
    """Whether the contacts of an account are to be evaluated again, since what they see of it has changed.

    Also when it is first evaluated under these rules: a change of it that was written under rules that did not read it
    commanded nobody, while a contact may have been evaluated under the new ones just before.
    And when it is deleted: the deletion may be a merge, see `workers.runtime.merged`.
    """
    if after.entity != "account" or after.contacts_due:
        return after.contacts_due
    if before is not None and before.alive and not after.alive:
        return True
    if not rules.account_fields:
        return False
    if before is not None and before.rule_set_version != rules.version:
        return True
    return account_fields(before, rules) != account_fields(after, rules)


def _next_flip(fields: Mapping[str, object], rules: EntityRules, reading: Reading) -> date | None:
    """The first day on which a relative date may let the record enter or leave a list."""
    if not rules.index.relative:
        return None
    flips = (
        next_flip(relative, day, reading.today, reading.calendar)
        for name, relative in rules.index.relative
        if isinstance(value := fields.get(name), str) and (day := reading.calendar.day_of(value)) is not None
    )
    return min((flip for flip in flips if flip is not None), default=None)


def _person_says(
    record: Record, fields: Mapping[str, object], related: Related, rules: EntityRules, held: Held
) -> Said | Skip:
    if is_converted(record) and (related.taken_over or not held):
        return Skip(reason="converted", detail=contact_of(record))
    if not held:
        return NOT_IN_ANY_LIST
    key = person_key(record.fields.get("Email"))
    if isinstance(key, Skip):
        return key
    account = _account_of_lead(record, key) if record.entity == "lead" else None
    return Said((key, _contribution(record, fields, rules, _segments(held))), account)


def _account_of_lead(record: Record, key: str) -> tuple[str, Contribution] | None:
    """Contacts bring their account by AccountId, when that record is evaluated; a lead has only its domain to tell."""
    domain = lead_account_key(record.fields.get("Website"), key)
    if domain is None:
        return None
    version = changed_by_others(record)
    return domain, Contribution(rev=record.rev, entity=record.entity, version=version, fields={"domain": domain})


def _account_says(
    record: Record, fields: Mapping[str, object], related: Related, rules: EntityRules, held: Held
) -> Said | Skip:
    if not held and not related.has_imported_contacts:
        return NOT_IN_ANY_LIST
    key = account_key(record.fields.get("Website"))
    if isinstance(key, Skip):
        return key
    return Said(None, (key, _contribution(record, fields, rules, _segments(held))))


def _holding(record: Record, fields: Mapping[str, object], rules: EntityRules) -> set[str]:
    """The lists that hold the record. Where only the org can tell and has not yet, those that held it before."""
    lists = (rules.lists[place] for place in rules.index.gates.opened(fields))
    return {
        list_id
        for list_id, compiled in lists
        if (
            compiled.predicate(fields)
            if compiled.predicate
            else record.answers.get(list_id, list_id in record.in_lists)
        )
    }


def _selecting(record: Record, related: Related, holding: set[str], rules: CompiledRuleSet) -> Held:
    """What holds the record: its lists, of a converted lead what held it before, and a contact takes that over."""
    leads = rules.by_entity["lead"]
    if is_converted(record):
        return _carried(record.held_at_conversion, leads)
    held = _held(record, holding, rules.by_entity[record.entity])
    return held + _carried(related.carried, leads) if related.carried else held


def _carried(reasons: Iterable[Reason], rules: EntityRules) -> Held:
    """Of what held leads once, what rules still want: those that keep whom they held, and those that have the list."""
    carried = (
        (
            binding,
            tuple(
                each
                for each in dict.fromkeys(reasons)
                if each.rule_id == binding.rule_id and (binding.keeps or (each.list_id, each) in binding.reasons)
            ),
        )
        for binding in rules.bindings
    )
    return tuple((binding, found) for binding, found in carried if found)


def _held(record: Record, holding: set[str], rules: EntityRules) -> Held:
    """The rules that select the record, each with its reasons."""
    places = {place for list_id in holding for place in rules.index.fed_by.get(list_id, ())}
    places |= {place for each in record.held if (place := rules.index.keeping.get(each.rule_id)) is not None}
    held = ((rules.bindings[place], _reasons(rules.bindings[place], holding, record.held)) for place in sorted(places))
    return tuple((binding, reasons) for binding, reasons in held if reasons)


def _reasons(binding: Binding, holding: set[str], before: tuple[Reason, ...]) -> tuple[Reason, ...]:
    reasons = tuple(reason for list_id, reason in binding.reasons if list_id in holding)
    if binding.keeps:
        reasons += tuple(each for each in before if each.rule_id == binding.rule_id and each not in reasons)
    return reasons


def _segments(held: Held) -> dict[str, tuple[Reason, ...]]:
    segments: dict[str, tuple[Reason, ...]] = {}
    for binding, reasons in held:
        if binding.segment_id is not None:
            segments[binding.segment_id] = segments.get(binding.segment_id, ()) + reasons
    return segments


def _contribution(
    record: Record, fields: Mapping[str, object], rules: EntityRules, segments: dict[str, tuple[Reason, ...]]
) -> Contribution:
    return Contribution(
        rev=record.rev,
        entity=record.entity,
        version=changed_by_others(record),
        fields=map_fields(record.entity, fields, rules.mappings),
        precedence=precedences(record.entity, fields, rules.mappings),
        segments=segments,
    )


def decided(record: Record, outcome: Outcome, rule_set_version: int) -> Record:
    """The record with the decision noted and its targets widened; the same object when it says so already."""
    noted = {
        "imported": outcome.imported,
        "skip": outcome.skip,
        "rule_set_version": rule_set_version,
        "held": outcome.held,
        "contributed": fingerprint(outcome.person, outcome.account),
        "in_lists": outcome.in_lists,
        "evaluate_at_ms": outcome.evaluate_at_ms,
        "targets": _widened(record.targets, outcome),
    }
    if all(getattr(record, name) == value for name, value in noted.items()):
        return record
    return record.model_copy(update=noted)


def _widened(targets: Targets, outcome: Outcome) -> Targets:
    people = _with(targets.people, outcome.person)
    accounts = _with(targets.accounts, outcome.account)
    if (people, accounts) == (targets.people, targets.accounts):
        return targets
    return Targets(people=people, accounts=accounts)


def _with(keys: tuple[str, ...], live: tuple[str, Contribution] | None) -> tuple[str, ...]:
    return keys if live is None or live[0] in keys else (*keys, live[0])


def contributions(record: Record, outcome: Outcome) -> tuple[dict[str, Contribution], dict[str, Contribution]]:
    """What to write to people and to accounts, by key: the live contribution, and `gone` for all earlier targets."""
    return (
        _by_target(record, record.targets.people, outcome.person),
        _by_target(record, record.targets.accounts, outcome.account),
    )


def _by_target(
    record: Record, targets: Iterable[str], live: tuple[str, Contribution] | None
) -> dict[str, Contribution]:
    written: dict[str, Contribution] = {}
    if live is not None:
        key, contribution = live
        written[key] = (
            contribution if contribution.rev == record.rev else contribution.model_copy(update={"rev": record.rev})
        )
    if earlier := [key for key in targets if key not in written]:
        gone = Contribution(rev=record.rev, entity=record.entity, gone=True, version=latest_version(record))
        written |= dict.fromkeys(earlier, gone)
    return written
