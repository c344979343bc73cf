"""Contacts whose account was merged into another: Salesforce moves them without an event.

An account's deletion may be a merge (Change Data Capture tells only the deletion, and `MasterRecordId` is in no event).
If it is none, Salesforce deletes the contacts as well and says so, a moment later; those that still stand are read
again by id, and of those only what lives is published.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.documents import Job, ReadRequest, Record
from workers.ports import Store


async def read_contacts_again(store: Store, account: Record, contact_ids: Sequence[str], now_ms: int) -> None:
    """Of a deleted account: leave a job to the team's capture process. The same job when it is left twice."""
    contacts = await store.records.load([(account.team, contact_id) for contact_id in contact_ids])
    standing = tuple(
        sorted(
            contact.record_id
            for contact in contacts.values()
            if contact.alive and contact.fields.get("AccountId") == account.record_id
        )
    )
    if not standing:
        return
    job = Job(
        team=account.team,
        job_id=f"merged-{account.record_id}-{account.rev}-{contact_ids[0]}",
        kind="backfill",
        state="pending",
        request=ReadRequest(entity="contact", ids=standing, living_only=True),
        total=len(standing),
        detail=f"Account {account.record_id} was deleted, perhaps merged: where did its contacts go?",
        updated_at_ms=now_ms,
    )
    await store.jobs.swap([job])  # lost: it is there already
