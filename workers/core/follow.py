"""Accounts follow their contacts: when a contact starts or stops being imported, or moves, its accounts are due."""

from __future__ import annotations

from schemas.documents import Record


def accounts_due(before: Record | None, after: Record) -> tuple[str, ...]:
    """Account record ids to evaluate again: those already due, and those whose following changed with this write."""
    then, now = _followed(before), _followed(after)
    if then == now:
        return after.accounts_due
    return tuple(dict.fromkeys((*after.accounts_due, *(each for each in (then, now) if each is not None))))


def _followed(record: Record | None) -> str | None:
    """The account that this contact, being imported, brings along."""
    if record is None or record.entity != "contact" or not record.imported:
        return None
    account_id = record.fields.get("AccountId")
    return account_id if isinstance(account_id, str) else None
