"""The Opportunity object as far as lead conversion needs it, for catalogues that do not have it."""

from __future__ import annotations

from sandbox.org.objects import Catalogue, FieldType, ObjectType

_AUDIT_FIELDS = frozenset({
    "OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp",
})  # fmt: skip
_STAGES = (
    "Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers",
    "Perception Analysis", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost",
)  # fmt: skip


def with_opportunity(catalogue: Catalogue) -> Catalogue:
    """The catalogue with an Opportunity object."""
    if "Opportunity" in catalogue.types:
        return catalogue
    audit = [one for one in catalogue.types["Account"].fields if one.name in _AUDIT_FIELDS]
    fields = (
        FieldType("Id", "id", "Opportunity ID", length=18, createable=False, updateable=False),
        FieldType(
            "IsDeleted", "boolean", "Deleted", createable=False, updateable=False, default=False, in_events=False
        ),
        FieldType(
            "AccountId", "reference", "Account ID", length=18, reference_to=("Account",), relationship_name="Account"
        ),
        FieldType("Name", "string", "Name", length=120, required=True),
        FieldType("StageName", "picklist", "Stage", length=255, required=True, picklist=_STAGES),
        FieldType("Amount", "currency", "Amount", precision=18, scale=2),
        FieldType("CloseDate", "date", "Close Date", required=True),
        *audit,
    )
    opportunity = ObjectType(
        "Opportunity", "Opportunity", "Opportunities", "006", fields, cascade_from=(("Account", "AccountId"),)
    )
    return Catalogue({**catalogue.types, "Opportunity": opportunity})
