"""Person accounts: one person as an account and a contact that mirror each other (Object Reference, "Account").

The account shows the contact's fields as ``PersonEmail``, ``PersonMailingCity``, and custom ones as ``X__pc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rows.writes import Row

_NAME_PARTS = ("LastName", "FirstName", "Salutation")
#: Fields of every account that a person's contact has under the same name, and with the same value.
BOTH_KINDS = ("Phone", "Fax", "OwnerId")
_SHARED = (*_NAME_PARTS, *BOTH_KINDS)
_PREFIXED = (
    "Email", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "AssistantName", "Title", "Department",
    "LeadSource", "Birthdate", "HasOptedOutOfEmail", "DoNotCall", "LastCURequestDate", "LastCUUpdateDate",
    "EmailBouncedReason", "EmailBouncedDate",
)  # fmt: skip
_ADDRESSES = ("MailingAddress", "OtherAddress")
_FLAG = FieldType("IsPersonAccount", "boolean", "Is Person Account", createable=False, updateable=False, default=False)


def with_persons(account: ObjectType, contact: ObjectType) -> tuple[ObjectType, ObjectType]:
    """Account and Contact of an org that has person accounts."""
    fields = [_as_part_of_account(field) for field in contact.fields if _is_mirrored(field)]
    link = FieldType(
        "PersonContactId",
        "reference",
        "Contact ID",
        length=18,
        createable=False,
        updateable=False,
        reference_to=("Contact",),
        relationship_name="PersonContact",
    )
    extended = replace(account, fields=(*account.fields, _FLAG, link, *fields))
    return extended, replace(contact, fields=(*contact.fields, _FLAG))


def _is_mirrored(field: FieldType) -> bool:
    mirrored = field.custom or field.name in _NAME_PARTS or field.name in _PREFIXED or field.compound in _ADDRESSES
    return (mirrored or field.name in _ADDRESSES) and not field.formula


def account_field_of(name: str) -> str | None:
    """``PersonEmail`` for ``Email``; None for a field that the account does not show."""
    if name in _SHARED:
        return name
    if name.endswith("__c"):
        return f"{name.removesuffix('__c')}__pc"
    is_address = name.startswith(("Mailing", "Other"))
    return f"Person{name}" if name in _PREFIXED or is_address else None


def _as_part_of_account(field: FieldType) -> FieldType:
    name = account_field_of(field.name)
    assert name is not None
    compound = f"Person{field.compound}" if field.compound in _ADDRESSES else field.compound
    # The contact's field enforces what must be unique and filled, and brings what it starts with.
    return replace(field, name=name, compound=compound, required=False, unique=False, default=None)


def custom_field_of_account(field: FieldType) -> FieldType:
    """The ``__pc`` field beside a new custom field of Contact."""
    return _as_part_of_account(field)


def contact_values(account: ObjectType, contact: ObjectType, values: Row) -> Row:
    """What values of the account mean for its contact."""
    return {ours: values[theirs] for ours, theirs in _pairs(account, contact).items() if theirs in values}


def account_values(account: ObjectType, contact: ObjectType, values: Row) -> Row:
    """What values of the contact mean for its account."""
    return {theirs: values[ours] for ours, theirs in _pairs(account, contact).items() if ours in values}


def _pairs(account: ObjectType, contact: ObjectType) -> Mapping[str, str]:
    """Contact field -> account field."""
    pairs = ((field.name, account_field_of(field.name)) for field in contact.fields)
    return {ours: theirs for ours, theirs in pairs if theirs is not None and theirs in account.by_name}
