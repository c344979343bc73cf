"""Which Salesforce records take the insight of a person or an account."""

from __future__ import annotations

from schemas.documents import Member, Record
from schemas.events import Entity


def sources(subject: str, member: Member) -> list[tuple[Entity, str]]:
    """The Salesforce records behind a person (contacts and leads) or an account (account records only)."""
    return [
        (contribution.entity, record_id)
        for record_id, contribution in sorted(member.contributions.items())
        if not contribution.gone and (contribution.entity == "account") == (subject == "account")
    ]


def successor(lead: Record) -> tuple[Entity, str] | None:
    """Who takes the values of a lead: itself, its contact once it is converted, since Salesforce then lets nobody
    change it any more (error CANNOT_UPDATE_CONVERTED_LEAD); None while the contact is not known.
    """
    if lead.fields.get("IsConverted") is not True:
        return lead.entity, lead.record_id
    contact_id = lead.fields.get("ConvertedContactId")
    return ("contact", contact_id) if isinstance(contact_id, str) else None
