"""Change events as Salesforce sends them, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Change, Entity, Origin, Version
from workers.core.normalize import (
    Changes,
    Malformed,
    Reread,
    long_id,
    normalize,
    parked_event,
    parse_origin,
)

CONTACT = "003Rj00000Buj14IAB"
VERSION = Version(1719908906000, 1719908906839613442, 1)


@dataclass(frozen=True)
class Event:
    payload: dict[str, Any]
    entity: Entity = "contact"
    replay_id: str = "1435286"
    received_at_ms: int = 5
    extra: dict[str, Any] = field(default_factory=dict)


def header(**changed: Any) -> dict[str, Any]:
    return {
        "commitNumber": 1719908906839613442,
        "commitUser": "005Rj000005UEfQIAW",
        "sequenceNumber": 1,
        "entityName": "Contact",
        "changeType": "UPDATE",
        "changedFields": ["LastModifiedDate", "Name.FirstName"],
        "changeOrigin": "com/salesforce/api/soap/61.0;client=Pardot/",
        "transactionKey": "00001441-202e-826c-e582-7292ed6af7b5",
        "commitTimestamp": 1719908906000,
        "recordIds": [CONTACT],
        **changed,
    }


def changes(fields: dict[str, Any], entity: Entity = "contact", **changed: Any) -> tuple[Change, ...]:
    outcome = normalize("acme", Event({**fields, "ChangeEventHeader": header(**changed)}, entity))
    assert isinstance(outcome, Changes), outcome
    return outcome.changes


def test_an_update_becomes_one_change_with_flat_fields() -> None:
    (change,) = changes({"LastModifiedDate": "2024-07-02T08:28:26.000Z", "Name": {"FirstName": "Ada"}, "score__c": 1.5})

    assert change == Change(
        team="acme",
        entity="contact",
        record_id=CONTACT,
        kind="update",
        version=VERSION,
        fields={"LastModifiedDate": "2024-07-02T08:28:26.000Z", "FirstName": "Ada", "score__c": 1.5},
        origin=Origin(raw="com/salesforce/api/soap/61.0;client=Pardot/", client="Pardot"),
        transaction_key="00001441-202e-826c-e582-7292ed6af7b5",
        replay_id="1435286",
        captured_at_ms=5,
    )


@pytest.mark.parametrize(
    ("change_type", "kind"),
    [
        ("CREATE", "create"),
        ("UPDATE", "update"),
        ("DELETE", "delete"),
        ("UNDELETE", "undelete"),
        ("GAP_DELETE", "delete"),
    ],
)
def test_kinds(change_type: str, kind: str) -> None:
    assert [change.kind for change in changes({}, changeType=change_type)] == [kind]


def test_one_change_per_record_id_without_repetition_in_the_long_form() -> None:
    ids = ["003Rj00000Buj14", CONTACT, "0035000000abcde"]

    found = changes({"Title": "CTO"}, recordIds=ids)

    assert [change.record_id for change in found] == [CONTACT, "0035000000abcdeAAA"]
    assert {change.version for change in found} == {VERSION}


@pytest.mark.parametrize(
    ("entity", "fields", "flat"),
    [
        (
            "contact",
            {"MailingAddress": {"City": "Bonn", "Street": None}},
            {"MailingCity": "Bonn", "MailingStreet": None},
        ),
        ("contact", {"OtherAddress": {"StateCode": "BY"}}, {"OtherStateCode": "BY"}),
        ("account", {"BillingAddress": {"Latitude": 48.1}}, {"BillingLatitude": 48.1}),
        ("account", {"Name": "Œuvre GmbH"}, {"Name": "Œuvre GmbH"}),
        ("lead", {"Address": {"PostalCode": "0815"}}, {"PostalCode": "0815"}),
        ("lead", {"Name": {"Salutation": "Dr."}, "Company": None}, {"Salutation": "Dr.", "Company": None}),
        (
            "contact",
            {"Amount__c": 3, "Ok__c": False, "V__c": "$a.b"},
            {"Amount__c": 3.0, "Ok__c": False, "V__c": "$a.b"},
        ),
        ("contact", {"Title": "half \ud83d"}, {"Title": "half \ufffd"}),
    ],
)
def test_fields(entity: Entity, fields: dict[str, Any], flat: dict[str, Any]) -> None:
    name = {"contact": "Contact", "lead": "Lead", "account": "Account"}[entity]

    (change,) = changes(fields, entity, entityName=name)

    assert change.fields == flat
    assert [type(value) for value in change.fields.values()] == [type(value) for value in flat.values()]


def test_a_compound_that_is_null_clears_what_the_header_names() -> None:
    named = changes({"MailingAddress": None}, changedFields=["MailingAddress.City", "MailingAddress.Street", "Title"])
    unnamed = changes({"Name": None}, changedFields=[])

    assert named[0].fields == {"MailingCity": None, "MailingStreet": None}
    assert unnamed[0].fields == {"Salutation": None, "FirstName": None, "LastName": None}


def test_absent_components_stay_unchanged_even_when_the_header_names_them() -> None:
    (change,) = changes({"Name": {"LastName": "Day"}}, changedFields=["Name.LastName", "Name.FirstName"])

    assert change.fields == {"LastName": "Day"}


@pytest.mark.parametrize(
    ("fields", "changed", "expected"),
    [
        ({}, {"changeType": "GAP_UPDATE"}, (CONTACT,)),
        ({}, {"changeType": "GAP_CREATE", "recordIds": [CONTACT, "0035000000abcde"]}, (CONTACT, "0035000000abcdeAAA")),
        ({"Description": {"diff": "--- \n+++ 1f"}}, {}, (CONTACT,)),
        ({"Languages__c": ["English", "French"]}, {}, (CONTACT,)),
        ({}, {"changeType": "GAP_OVERFLOW", "recordIds": ["000000000000000AAA"]}, ()),
        ({}, {"recordIds": ["003*"]}, ()),
    ],
)
def test_what_must_be_read_again(fields: dict[str, Any], changed: dict[str, Any], expected: tuple[str, ...]) -> None:
    event = Event({**fields, "ChangeEventHeader": header(**changed)})

    assert normalize("acme", event) == Reread(expected, VERSION)


def test_the_name_of_a_person_account_is_read_again() -> None:
    event = Event({"Name": {"FirstName": "Ada"}, "ChangeEventHeader": header(entityName="Account")}, "account")

    assert normalize("acme", event) == Reread((CONTACT,), VERSION)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "no ChangeEventHeader"),
        ({"ChangeEventHeader": "x"}, "no ChangeEventHeader"),
        ({"ChangeEventHeader": header(entityName="Lead")}, "entityName 'Lead' on the channel of Contact"),
        ({"ChangeEventHeader": header(commitTimestamp="1")}, "commitTimestamp '1'"),
        ({"ChangeEventHeader": header(commitNumber=True)}, "commitNumber 'True'"),
        ({"ChangeEventHeader": header(sequenceNumber=2**63)}, "sequenceNumber '9223372036854775808'"),
        ({"ChangeEventHeader": header(recordIds=[])}, "recordIds []"),
        ({"ChangeEventHeader": header(recordIds=["003"])}, "'003' is not a record id"),
        ({"ChangeEventHeader": header(changeType="SNAPSHOT")}, "unknown changeType 'SNAPSHOT'"),
        ({"ChangeEventHeader": header(changeType=["UPDATE"])}, "unknown changeType \"['UPDATE']\""),
        ({"ChangeEventHeader": header(), "$where": 1}, "field name '$where'"),
        ({"ChangeEventHeader": header(), "a.b": 1}, "field name 'a.b'"),
        ({"ChangeEventHeader": header(), "MailingAddress": {"a.b": 1}}, "field name MailingAddress.'a.b'"),
        ({"ChangeEventHeader": header(), "x": float("nan")}, "number nan"),
        ({"ChangeEventHeader": header(), "x": 10**400}, "number '1000000000000000000000000000000000000000'"),
    ],
)
def test_malformed(payload: dict[str, Any], reason: str) -> None:
    assert normalize("acme", Event(payload)) == Malformed(reason)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    overridden=st.dictionaries(st.sampled_from(sorted(header())), JSON, max_size=3),
    fields=st.dictionaries(st.sampled_from(["Name", "MailingAddress", "Title", "x y"]) | st.text(), JSON, max_size=3),
)
def test_nothing_that_an_org_sends_raises_and_everything_can_be_published(
    overridden: dict[str, Any], fields: dict[str, Any]
) -> None:
    event = Event({**fields, "ChangeEventHeader": header(**overridden)})

    outcome = normalize("acme", event)

    if isinstance(outcome, Changes):
        for change in outcome.changes:
            assert Change.model_validate_json(change.model_dump_json()) == change
    if isinstance(outcome, Malformed):
        parked_event("acme", "topic", event, outcome.reason).model_dump_json().encode()


@pytest.mark.parametrize(
    ("raw", "client"),
    [
        ("com/salesforce/api/soap/61.0;client=SfdcInternalAPI/", "SfdcInternalAPI"),
        ("com/salesforce/api/rest/62.0;client=Astro", "Astro"),
        ("com/salesforce/api/rest/62.0", None),
        ("com/salesforce/api/rest/62.0;client=", None),
        ("", None),
        (None, None),
    ],
)
def test_origin(raw: object, client: str | None) -> None:
    assert parse_origin(raw) == Origin(raw=raw if isinstance(raw, str) else "", client=client)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("0015000000Gv7qJ", "0015000000Gv7qJAAR"),
        ("003Rj00000Buj14", "003Rj00000Buj14IAB"),
        ("001D000000IqhSL", "001D000000IqhSLIAZ"),
        ("001D000000IqhSLIAZ", "001D000000IqhSLIAZ"),
    ],
)
def test_long_ids(short: str, long: str) -> None:
    assert long_id(short) == long
