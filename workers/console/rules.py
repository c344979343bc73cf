"""What a marketer does with rules: say where lists go, change that, de-activate a rule and activate it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.documents import Destination, ListDefinition, OrgCalendar, Rule, RuleSet
from schemas.events import Entity
from workers.ports import Refused
from workers.runtime.edits import By, RuleSetEdit


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What to change in a rule; None and empty: stays as it is."""

    add: Sequence[ListDefinition] = ()
    remove: Sequence[str] = ()
    """List ids, or labels."""
    destination: Destination | None = None
    on_leave: Literal["remove", "keep"] | None = None
    seen_edits: int | None = None
    """`Rule.edits` as the user saw it: the change is refused when somebody else was faster. None: he did not look."""


def adding_rule(
    entity: Entity,
    definitions: Sequence[ListDefinition],
    destination: Destination,
    by: By,
    *,
    on_leave: Literal["remove", "keep"] = "remove",
    calendar: OrgCalendar | None = None,
) -> RuleSetEdit[Rule]:
    """Add an active rule over lists that `define_list` has accepted; `calendar` None: relative dates as before."""
    list_ids = tuple(dict.fromkeys(definition.list_id for definition in definitions))

    def edit(rule_set: RuleSet) -> tuple[RuleSet, Rule, str]:
        rule = Rule(
            rule_id=f"{entity}-{len(rule_set.rules) + 1}",
            entity=entity,
            list_ids=list_ids,
            destination=destination,
            on_leave=on_leave,
            created_at_ms=by.now_ms,
            created_by=by.who,
        )
        after = rule_set.model_copy(
            update={
                "rules": (*rule_set.rules, rule),
                "lists": rule_set.lists | {definition.list_id: definition for definition in definitions},
                "calendar": calendar or rule_set.calendar,
            }
        )
        return after, rule, f"rule {rule.rule_id} added: {told(after, rule)}"

    return edit


def editing_rule(rule_id: str, change: RuleChange, by: By) -> RuleSetEdit[Rule]:
    """Add and remove lists, change where they go and what becomes of whom they no longer hold.

    Raises Refused for a list that the rule has not, when none is left, when nothing would change, and when somebody
    else was faster.
    """

    def changed(rule_set: RuleSet, rule: Rule) -> tuple[RuleSet, Rule]:
        check_seen(rule, change.seen_edits)
        known = rule_set.lists | {definition.list_id: definition for definition in change.add}
        removed = {list_in(rule, known, name) for name in change.remove}
        kept = [list_id for list_id in rule.list_ids if list_id not in removed]
        list_ids = tuple(dict.fromkeys((*kept, *(definition.list_id for definition in change.add))))
        if not list_ids:
            raise Refused(f"rule {rule_id} needs a list: de-activate it instead of removing its last one")
        update: dict[str, object] = {"list_ids": list_ids}
        update |= {"destination": change.destination} if change.destination else {}
        update |= {"on_leave": change.on_leave} if change.on_leave else {}
        return rule_set.model_copy(update={"lists": known}), rule.model_copy(update=update)

    return _changing_rule(rule_id, changed, by, "changed")


def deactivating_rule(rule_id: str, by: By, *, remove: bool = False) -> RuleSetEdit[Rule]:
    """The rule selects nobody any more; it is kept as history. Whom it held stays where it put them, unless `remove`:
    then those leave that no other rule holds."""

    def changed(rule_set: RuleSet, rule: Rule) -> tuple[RuleSet, Rule]:
        return rule_set, rule.model_copy(update={"active": False, "retains": not remove})

    what = "de-activated, members removed" if remove else "de-activated, members kept"
    return _changing_rule(rule_id, changed, by, what)


def activating_rule(rule_id: str, by: By) -> RuleSetEdit[Rule]:
    """The rule selects again, as it did before."""

    def changed(rule_set: RuleSet, rule: Rule) -> tuple[RuleSet, Rule]:
        return rule_set, rule.model_copy(update={"active": True, "retains": False})

    return _changing_rule(rule_id, changed, by, "activated again")


def _changing_rule(
    rule_id: str,
    changed: Callable[[RuleSet, Rule], tuple[RuleSet, Rule]],
    by: By,
    what: str,
) -> RuleSetEdit[Rule]:
    def edit(rule_set: RuleSet) -> tuple[RuleSet, Rule, str]:
        before = rule_in(rule_set, rule_id)
        with_lists, rule = changed(rule_set, before)
        if rule == before:
            idle = "" if rule.active else " (not active)"
            raise Refused(f"nothing to change: rule {rule_id} already is {told(with_lists, rule)}{idle}")
        rule = rule.model_copy(
            update={"edits": before.edits + 1, "changed_at_ms": by.now_ms, "changed_by": by.who},
        )
        rules = tuple(rule if each.rule_id == rule_id else each for each in rule_set.rules)
        after = with_lists.model_copy(update={"rules": rules})
        return after, rule, f"rule {rule_id} {what}: {told(after, rule)}"

    return edit


def rule_in(rule_set: RuleSet, rule_id: str) -> Rule:
    rule = next((rule for rule in rule_set.rules if rule.rule_id == rule_id), None)
    if rule is None:
        team = rule_set.team
        raise Refused(f"team {team} has no rule {rule_id}; `segment-sync rules list {team}` shows its rules")
    return rule


def list_in(rule: Rule, known: dict[str, ListDefinition], name: str) -> str:
    """The id of a list of the rule, given by id or label."""
    for list_id in rule.list_ids:
        if name[:15] == list_id[:15] or name.casefold() == known[list_id].label.casefold():
            return list_id
    has = ", ".join(known[list_id].label for list_id in rule.list_ids)
    raise Refused(f"rule {rule.rule_id} has no list “{name}”; it has: {has}")


def check_seen(rule: Rule, seen_edits: int | None) -> None:
    if seen_edits is not None and seen_edits != rule.edits:
        who = rule.changed_by or "somebody else"
        raise Refused(f"rule {rule.rule_id} was changed by {who} in the meantime: look at it again before changing it")


def told(rule_set: RuleSet, rule: Rule) -> str:
    """A rule in words, e.g. "contacts of VPs, Key people -> segment vips"."""
    labels = ", ".join(rule_set.lists[list_id].label for list_id in rule.list_ids)
    return f"{rule.entity}s of {labels} -> {target(rule)}" + (
        ", kept when they leave" if rule.on_leave == "keep" else ""
    )


def target(rule: Rule) -> str:
    if rule.destination.kind == "segment":
        return f"segment {rule.destination.segment_id}"
    return "Account Only" if rule.entity == "account" else "People Only"
