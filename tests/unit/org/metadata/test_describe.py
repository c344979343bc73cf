"""Describe results: the recorded key sets, and values that clients rely on."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.org.metadata.describe import full_describe, global_entry
from sandbox.org.metadata.fields import standard_catalogue

CATALOGUE = standard_catalogue()


def describe(name: str) -> dict[str, Any]:
    return full_describe(CATALOGUE.types[name], "62.0")


def described_field(object_name: str, name: str) -> dict[str, Any]:
    [found] = [one for one in describe(object_name)["fields"] if one["name"] == name]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ["Account", "Contact", "Lead", "User", "Organization"])
def test_key_sets_are_the_recorded_ones(name: str) -> None:
    described = describe(name)
    assert len(described) == 45
    assert list(described) == sorted(described)
    assert len(global_entry(CATALOGUE.types[name], "62.0")) == 28
    for field in described["fields"]:
        assert len(field) == 57
        assert list(field) == sorted(field)


@pytest.mark.parametrize("name", ["Contact", "Lead", "Account"])
def test_the_write_back_fields_are_there(name: str) -> None:
    score = described_field(name, "Engagement_Score__c")
    assert (score["type"], score["precision"], score["scale"]) == ("double", 18, 2)
    assert score["custom"]
    assert score["updateable"]
    assert score["soapType"] == "xsd:double"
    assert described_field(name, "Last_Engagement_Date__c")["type"] == "date"


def test_typical_fields() -> None:
    email = described_field("Contact", "Email")
    assert (email["type"], email["length"], email["byteLength"], email["idLookup"]) == ("email", 80, 240, True)
    account = described_field("Contact", "AccountId")
    assert (account["type"], account["referenceTo"], account["relationshipName"]) == (
        "reference",
        ["Account"],
        "Account",
    )
    last_name = described_field("Contact", "LastName")
    assert (last_name["nillable"], last_name["compoundFieldName"]) == (False, "Name")
    city = described_field("Contact", "MailingCity")
    assert city["compoundFieldName"] == "MailingAddress"
    status = described_field("Lead", "Status")
    assert status["defaultValue"] == "Open - Not Contacted"
    assert [one["value"] for one in status["picklistValues"] if one["defaultValue"]] == ["Open - Not Contacted"]
    description = described_field("Contact", "Description")
    assert not (description["filterable"])
    assert not (description["sortable"])
    assert not (description["groupable"])


def test_names_are_found_in_any_letter_case() -> None:
    contact = CATALOGUE.find("CONTACT")
    assert contact is not None
    found = contact.find("mailingcity")
    assert found is not None
    assert found.name == "MailingCity"
    assert CATALOGUE.find("Unicorn") is None
