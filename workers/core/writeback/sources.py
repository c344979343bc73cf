"""Which Salesforce records take the insight of a person or an account."""

from __future__ import annotations

from schemas.documents import Member, Record
from schemas.events import Entity

PREFIXES: dict[str, Entity] = {"003": "contact", "00Q": "lead", "001": "account"}
"""What the ids of an object begin with, in every org ("Standard Field Record ID Prefix Decoder", Salesforce Help)."""


def sources(subject: str, member: Member) -> list[tuple[Entity, str]]:
    """The Salesforce records behind a person (contacts and leads) or an account (account records only)."""
    return [
        (contribution.entity, record_id)
        for record_id, contribution in sorted(member.contributions.items())
        if not contribution.gone and (contribution.entity == "account") == (subject == "account")
    ]


def is_converted(record: Record) -> bool:
    """Salesforce lets nobody change such a lead any more (error CANNOT_UPDATE_CONVERTED_LEAD)."""
    return record.entity == "lead" and record.fields.get("IsConverted") is True
