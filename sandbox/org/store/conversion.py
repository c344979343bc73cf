"""Lead conversion: an account, a contact and an opportunity are created and the lead is closed, in one transaction.

CDC guide, "Change Events for Lead Conversion": sequence numbers 1 to 4 under one transaction key.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.org.metadata.objects import full_name
from sandbox.org.rows.writes import Actor, Row, Write
from sandbox.org.store.org import Org
from sandbox.org.transactions.person_accounts import account_field_of
from sandbox.org.transactions.transaction import Transaction

CONVERTED_STATUS = "Closed - Converted"
_FIRST_STAGE = "Prospecting"
# A close date three months ahead is what Salesforce proposes at the end of the quarter; any date will do here.
_CLOSE_DATE_YEARS_AHEAD = 1

# Lead field -> field of the new account or contact (Help: "Lead Conversion Field Mapping").
_TO_ACCOUNT = {
    "Company": "Name", "Phone": "Phone", "Fax": "Fax", "Website": "Website", "Industry": "Industry",
    "AnnualRevenue": "AnnualRevenue", "NumberOfEmployees": "NumberOfEmployees", "Rating": "Rating",
    "LeadSource": "AccountSource", "Street": "BillingStreet", "City": "BillingCity", "State": "BillingState",
    "PostalCode": "BillingPostalCode", "Country": "BillingCountry", "OwnerId": "OwnerId",
}  # fmt: skip
_TO_CONTACT = {
    "Salutation": "Salutation", "FirstName": "FirstName", "LastName": "LastName", "Title": "Title", "Phone": "Phone",
    "MobilePhone": "MobilePhone", "Fax": "Fax", "Email": "Email", "LeadSource": "LeadSource",
    "Description": "Description", "Street": "MailingStreet", "City": "MailingCity", "State": "MailingState",
    "PostalCode": "MailingPostalCode", "Country": "MailingCountry", "HasOptedOutOfEmail": "HasOptedOutOfEmail",
    "DoNotCall": "DoNotCall", "OwnerId": "OwnerId",
}  # fmt: skip


class ConversionError(Exception):
    """A conversion that the org refuses; the text starts with the status code."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a lead becomes. Given accounts and contacts are used instead of new ones."""

    lead_id: str
    account_id: str | None = None
    contact_id: str | None = None
    opportunity_name: str | None = None
    create_opportunity: bool = True


@dataclass(frozen=True, slots=True)
class Converted:
    """The records that a lead became."""

    account_id: str
    contact_id: str
    opportunity_id: str | None


def convert(org: Org, conversion: Conversion, actor: Actor) -> Converted:
    """Convert a lead. ConversionError when it is gone, was converted, or a record is refused."""
    lead = org.get("Lead", conversion.lead_id)
    if lead is None:
        raise ConversionError("ENTITY_IS_DELETED: entity is deleted")
    if lead.get("IsConverted"):
        raise ConversionError("CANNOT_UPDATE_CONVERTED_LEAD: cannot reference converted lead")
    transaction = org.begin(actor)
    account_id, contact_id = _account_and_contact(org, transaction, conversion, lead)
    opportunity_id = _opportunity(transaction, conversion, lead, account_id)
    _close(org, transaction, conversion.lead_id, Converted(account_id, contact_id, opportunity_id))
    org.install(transaction)
    return Converted(account_id, contact_id, opportunity_id)


def _account_and_contact(org: Org, transaction: Transaction, conversion: Conversion, lead: Row) -> tuple[str, str]:
    if org.config.person_accounts and not lead.get("Company") and conversion.account_id is None:
        return _person(org, transaction, lead)
    account_id = conversion.account_id or _create(transaction, "Account", _mapped(lead, _TO_ACCOUNT))
    account = transaction.live("Account", account_id)
    if account is None:
        raise ConversionError("INVALID_CROSS_REFERENCE_KEY: invalid cross reference id")
    if account.get("IsPersonAccount"):
        return account_id, str(account["PersonContactId"])
    if conversion.contact_id is not None:
        return account_id, conversion.contact_id
    return account_id, _create(transaction, "Contact", {**_mapped(lead, _TO_CONTACT), "AccountId": account_id})


def _person(org: Org, transaction: Transaction, lead: Row) -> tuple[str, str]:
    """A lead without a company becomes a person account (Help: "Considerations for Using Person Accounts")."""
    types = org.catalogue.types
    known = {one: account_field_of(one) for one in _TO_CONTACT.values()}
    fields: Row = {
        str(known[name]): value
        for name, value in _mapped(lead, _TO_CONTACT).items()
        if known[name] in types["Account"].by_name
    }
    account_id = _create(transaction, "Account", fields)
    return account_id, str((transaction.live("Account", account_id) or {})["PersonContactId"])


def _mapped(lead: Row, mapping: dict[str, str]) -> Row:
    return {to: lead[name] for name, to in mapping.items() if lead.get(name) is not None}


def _create(transaction: Transaction, object_name: str, fields: Row) -> str:
    result = transaction.apply(Write("create", object_name, None, fields))
    if result.record_id is None:
        error = result.errors[0]
        raise ConversionError(f"{error.status_code}: {error.message}")
    return result.record_id


def _opportunity(transaction: Transaction, conversion: Conversion, lead: Row, account_id: str) -> str | None:
    if not conversion.create_opportunity:
        return None
    year = int(transaction.now[:4]) + _CLOSE_DATE_YEARS_AHEAD
    fields: Row = {
        "Name": conversion.opportunity_name or f"{lead.get('Company') or full_name(lead)}-",
        "AccountId": account_id,
        "StageName": _FIRST_STAGE,
        "CloseDate": f"{year}-03-31",
    }
    return _create(transaction, "Opportunity", fields)


def _close(org: Org, transaction: Transaction, lead_id: str, converted: Converted) -> None:
    lead_type = org.catalogue.types["Lead"]
    fields: Row = {
        "Status": CONVERTED_STATUS,
        "IsConverted": True,
        "ConvertedDate": transaction.now[:10],
        "ConvertedAccountId": converted.account_id,
        "ConvertedContactId": converted.contact_id,
        "IsUnreadByOwner": False,
    }
    if converted.opportunity_id:
        fields["ConvertedOpportunityId"] = converted.opportunity_id
    transaction.set_fields(
        lead_type,
        lead_id,
        fields,
        tells_date=org.config.conversion_lead_has_modified_date,
        told_later_ms=org.config.conversion_lead_event_later_ms,
    )
