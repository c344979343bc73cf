"""A converted lead gives way to its contact: what held it just before its conversion holds the contact from then on.

Salesforce closes the lead in the same write that converts it, and shows it in no list any more; so what held it is
noted once, in the lead (`Record.held_at_conversion`). The contact learns which leads it was made of (`Record.leads`),
also before anything else of it is known, and the lead contributes until the contact can.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.documents import Record
from schemas.events import Change, RecordId, Reevaluation
from workers.core.merge import blank, merge


def is_converted(record: Record) -> bool:
    return record.entity == "lead" and record.fields.get("IsConverted") is True


def contact_of(lead: Record) -> RecordId | None:
    """Whom a lead was converted to; None while that is not known, or not readable."""
    contact_id = lead.fields.get("ConvertedContactId") if is_converted(lead) else None
    return contact_id if isinstance(contact_id, str) else None


def before_conversion(stored: Record | None, changes: Iterable[Change]) -> Record | None:
    """The lead as it was before the one of the changes that converts it; None when none does, or nothing was known.

    So it does not matter how changes fall into batches.
    """
    before = stored
    for change in changes:
        if before is not None and is_converted(before):
            return None
        after = merge(before if before is not None else blank(change), change)
        if is_converted(after):
            return before
        before = after
    return None


def joined(record: Record, command: Reevaluation) -> Record:
    """The contact with the leads that the command tells of; the same object when it knows them."""
    if set(command.leads) <= set(record.leads):
        return record
    return record.model_copy(update={"leads": tuple(sorted({*record.leads, *command.leads}))})


def stands_for(contact: Record | None, lead: Record) -> bool:
    """Whether the contact has taken the lead's place; it keeps that when it is deleted."""
    return contact is not None and contact.full_version is not None and lead.record_id in contact.leads


def conversion_due(before: Record | None, after: Record) -> bool:
    """Whether the other side of a conversion is to be evaluated, since it has only become known now."""
    others = other_side(after)
    return after.conversion_due or (bool(others) and (before is None or others != other_side(before)))


def conversion_commands(record: Record) -> list[Reevaluation]:
    if not record.conversion_due:
        return []
    if record.entity == "contact":
        return [
            Reevaluation(team=record.team, entity="lead", record_id=each, reason="conversion")
            for each in other_side(record)
        ]
    return [
        Reevaluation(team=record.team, entity="contact", record_id=each, reason="conversion", leads=(record.record_id,))
        for each in other_side(record)
    ]


def other_side(record: Record) -> tuple[RecordId, ...]:
    """The contact of a converted lead that has something to hand over, the leads of a contact that is known."""
    if record.entity == "contact":
        return record.leads if record.full_version is not None else ()
    contact_id = contact_of(record) if record.held_at_conversion else None
    return () if contact_id is None else (contact_id,)
