"""Why a record is where it is: each rule's verdict, list by list and condition by condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.documents import ListDefinition, Record, Rule, RuleSet
from workers.core.evaluation import CompiledRuleSet, Related, evaluate, reads
from workers.core.lists.operators import Reading
from workers.core.lists.predicates import PLAIN, Habits, UnsupportedCondition, compile_list, compile_where, name_of

WORDS = {
    "equals": "is",
    "notEquals": "is not",
    "in": "is one of",
    "notIn": "is none of",
    "lessThan": "<",
    "lessThanOrEqualTo": "<=",
    "greaterThan": ">",
    "greaterThanOrEqualTo": ">=",
    "greaterThenOrEqualTo": ">=",
    "notLike": "not like",
}
"""How operators read to a person; the others read well as they are."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`holds` None: only the org can tell, or it is not in use."""

    text: str
    """`Title like '%VP%'`, `and`, `or`, `not`."""
    holds: bool | None
    value: object = None
    """What the record has; of a condition on one field."""
    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class ListVerdict:
    list_id: str
    label: str
    holds: bool | None
    filter: Condition
    only_the_org_can_tell: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    rule_id: str
    active: bool
    segment_id: str | None
    holds: bool
    """It selects the record, be it because the rule keeps whom it once held."""
    lists: tuple[ListVerdict, ...]
    carried_from: tuple[str, ...] = ()
    """Of a rule of leads that holds a contact: the leads that were converted to it."""


def explain_rules(
    record: Record, related: Related, rule_set: RuleSet, compiled: CompiledRuleSet
) -> tuple[RuleVerdict, ...]:
    """Every rule of the record's entity, those that are no longer active too, and what a contact has from its leads."""
    fields = reads(record, related)
    held = {reason.rule_id for reason in evaluate(record, related, compiled).held}
    return tuple(
        RuleVerdict(
            rule.rule_id,
            rule.active,
            rule.destination.segment_id,
            rule.rule_id in held,
            tuple(_list(rule_set.lists[each], record, fields, compiled.reading) for each in _lists(rule, rule_set)),
        )
        for rule in rule_set.rules
        if rule.entity == record.entity
    ) + tuple(
        RuleVerdict(rule.rule_id, rule.active, rule.destination.segment_id, True, (), carried_from=related.leads)
        for rule in rule_set.rules
        if rule.entity != record.entity and rule.rule_id in held
    )


def _lists(rule: Rule, rule_set: RuleSet) -> list[str]:
    return [list_id for list_id in rule.list_ids if list_id in rule_set.lists]


def _list(definition: ListDefinition, record: Record, fields: Mapping[str, object], reading: Reading) -> ListVerdict:
    condition = explain_where(definition.where, fields, reading, Habits.of(definition))
    try:
        compiled = compile_list(definition, reading)
    except UnsupportedCondition as error:
        return ListVerdict(definition.list_id, definition.label, None, condition, (str(error),))
    if compiled.predicate is None:
        answer = record.answers.get(definition.list_id, definition.list_id in record.in_lists or None)
        return ListVerdict(definition.list_id, definition.label, answer, condition, compiled.reasons)
    return ListVerdict(definition.list_id, definition.label, compiled.predicate(fields), condition)


def explain_where(
    where: Mapping[str, Any], fields: Mapping[str, object], reading: Reading, habits: Habits = PLAIN
) -> Condition:
    """A filter as a tree; an empty one holds for everything."""

    def part(of: Mapping[str, Any]) -> Condition:
        return explain_where(of, fields, reading, habits)

    compiled = compile_where(where, reading, habits)
    holds = None if compiled.predicate is None else compiled.predicate(fields)
    if conditions := where.get("conditions"):
        return Condition(str(where.get("conjunction", "and")), holds, parts=tuple(map(part, conditions)))
    if isinstance(negated := where.get("condition"), Mapping):
        return Condition("not", holds, parts=(part(negated),))
    if "field" not in where:
        return Condition("everything", holds)
    name = str(where["field"])
    operator = str(where.get("operator"))
    values = ", ".join("empty" if each == "null" else str(each) for each in where.get("values") or ())
    value = name_of(fields) if name == "Name" else fields.get(name)
    return Condition(f"{name} {WORDS.get(operator, operator)} {values}", holds, value)
