"""Merging records: the losers are deleted, the winner is updated, what hung on the losers moves over.

Apex guide, "Triggers and Merge Statements". Change events do not show that it was a merge: only the recycle bin names
the winner, in ``MasterRecordId``.
"""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.org.metadata.objects import ObjectType
from sandbox.org.rows.writes import Actor, Row, RowResult, Write
from sandbox.org.store.org import Org
from sandbox.org.transactions.transaction import Transaction
from sandbox.org.values.ids import MalformedIdError, to_18

MERGEABLE = frozenset({"Account", "Contact", "Lead"})
# Apex guide: up to three records in one call, the winner among them.
MAX_LOSERS = 2


class MergeError(Exception):
    """A merge that the org refuses; the text starts with the status code."""


def merge(org: Org, object_name: str, winner_id: str, loser_ids: Sequence[str], fields: Row, actor: Actor) -> RowResult:
    """Merge losers into a winner that also gets ``fields``, in one transaction. MergeError when it cannot be."""
    object_type = _mergeable(org, object_name)
    winner, losers = _ids(object_type, org, winner_id, loser_ids)
    _check_persons(org, object_type, [winner, *losers])
    _check_rights(org, object_type, losers, actor)
    transaction = org.begin(actor)
    moved = [child for loser in losers for child in _with_parent(transaction, object_type, loser)]
    for loser in losers:
        transaction.delete_alone(object_type, loser, {"MasterRecordId": winner})
    result = transaction.apply(Write("update", object_type.name, winner, dict(fields)))
    if not result.success:
        return result
    for child_type, field_name, child_id in moved:
        if _is_half(transaction, child_type, child_id):
            transaction.delete_alone(child_type, child_id, {"MasterRecordId": _half_of(transaction, winner)})
            continue
        announced = org.config.merge_announces_children
        transaction.set_fields(child_type, child_id, {field_name: winner}, announced=announced)
    org.install(transaction)
    return result


def _mergeable(org: Org, object_name: str) -> ObjectType:
    object_type = org.find_object(object_name)
    if object_type is None or object_type.name not in MERGEABLE:
        raise MergeError(f"INVALID_OPERATION: {object_name} records cannot be merged")
    return object_type


def _ids(object_type: ObjectType, org: Org, winner_id: str, loser_ids: Sequence[str]) -> tuple[str, list[str]]:
    if not 1 <= len(loser_ids) <= MAX_LOSERS:
        raise MergeError(f"INVALID_OPERATION: a merge takes one or {MAX_LOSERS} records into another")
    try:
        winner, *losers = (to_18(one) for one in (winner_id, *loser_ids))
    except MalformedIdError as error:
        raise MergeError(f"MALFORMED_ID: malformed id {error}") from error
    if len({winner, *losers}) != 1 + len(losers):
        raise MergeError("INVALID_OPERATION: the records of a merge must differ")
    if any(org.get(object_type.name, one) is None for one in (winner, *losers)):
        raise MergeError("ENTITY_IS_DELETED: entity is deleted")
    return winner, losers


def _check_persons(org: Org, object_type: ObjectType, record_ids: Sequence[str]) -> None:
    """Persons are merged as accounts, and only with each other."""
    persons = {bool((org.get(object_type.name, one) or {}).get("IsPersonAccount")) for one in record_ids}
    if len(persons) > 1 or (object_type.name == "Contact" and True in persons):
        raise MergeError("INVALID_OPERATION: person accounts can only be merged with other person accounts")


def _check_rights(org: Org, object_type: ObjectType, losers: Sequence[str], actor: Actor) -> None:
    """A merge by the API deletes for its user; one in Salesforce's own pages is the platform's."""
    view = org.view(actor.user_id)
    for loser in losers if actor.api else ():
        row = org.get(object_type.name, loser)
        refusal = view.refusal(Write("delete", object_type.name, loser, {}), object_type, row)
        if refusal is not None:
            raise MergeError(f"{refusal.status_code}: {refusal.message}")


def _is_half(transaction: Transaction, child_type: ObjectType, child_id: str) -> bool:
    """Whether a child is the contact of a person account, which goes with its account."""
    child = transaction.live(child_type.name, child_id)
    return child_type.name == "Contact" and child is not None and child.get("IsPersonAccount") is True


def _half_of(transaction: Transaction, account_id: str) -> object:
    return (transaction.live("Account", account_id) or {}).get("PersonContactId")


def _with_parent(
    transaction: Transaction, object_type: ObjectType, parent_id: str
) -> list[tuple[ObjectType, str, str]]:
    children = transaction.children(object_type.name, parent_id)
    return [(child_type, field_name, child_id) for child_type, field_name, child_id, _row in children]
