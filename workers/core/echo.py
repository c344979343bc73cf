"""What comes back of our own writes: Salesforce names the client that caused a change."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.documents import Record
from schemas.events import Change
from workers.core.evaluation import CompiledRuleSet
from workers.core.origin import by_us


def echoes(stored: Record | None, changes: Iterable[Change], rules: CompiledRuleSet) -> bool:
    """Whether nothing follows from the changes beyond what the record itself holds: we caused them all, and no list,
    mapping or identity reads any of the fields that they carry.

    What a trigger changed in the same transaction comes in the same event under our name: if something reads it, that
    counts. A record that still owes something is evaluated whatever comes.
    """
    if stored is None or stored.rule_set_version != rules.version or owes(stored):
        return False
    of_entity = rules.by_entity[stored.entity]
    if of_entity.index.asked:  # the org answers for a list by more than what an event shows, such as formulas
        return False
    read = of_entity.reads | (rules.account_fields if stored.entity == "account" else frozenset())
    return all(by_us(change) and read.isdisjoint(change.fields) for change in changes)


def owes(record: Record) -> bool:
    """Whether a command about a neighbour was to be sent, and may not have been."""
    return bool(record.accounts_due or record.contacts_due or record.conversion_due or record.survivors_due)
