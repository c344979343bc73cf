"""Change events in the wire form of CometD, and what a client can rebuild from them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.org.config import OrgConfig
from sandbox.org.store.org import Actor, Org, Write
from sandbox.org.store.people import add_user
from sandbox.org.users.specs import ADMINISTRATOR, UserSpec

# All keys of captured headers; nulledFields and diffFields exist in other APIs only.
HEADER_KEYS = {
    "commitNumber", "commitUser", "sequenceNumber", "entityName", "changeType", "changedFields", "changeOrigin",
    "transactionKey", "commitTimestamp", "recordIds",
}  # fmt: skip


@pytest.fixture
def org() -> Org:
    return Org(OrgConfig())


@pytest.fixture
def actor(org: Org) -> Actor:
    return Actor(org.admin_user_id, "rest", "Tests")


def published(org: Org, entity: str = "Contact") -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in org.events.after(f"/data/{entity}ChangeEvent", -2, 10_000)]


def headers(org: Org, entity: str = "Contact") -> list[dict[str, Any]]:
    return [event["payload"]["ChangeEventHeader"] for event in published(org, entity)]


def body(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event["payload"].items() if name != "ChangeEventHeader"}


def create(org: Org, actor: Actor, *rows: Mapping[str, object]) -> list[str]:
    results = org.commit([Write("create", "Contact", None, {"LastName": "Doe", **fields}) for fields in rows], actor)
    return [str(result.record_id) for result in results]


def update(org: Org, actor: Actor, ids: Sequence[str], **fields: object) -> None:
    results = org.commit([Write("update", "Contact", record_id, fields) for record_id in ids], actor)
    assert all(result.success for result in results)


def test_a_creation_carries_all_that_is_not_empty(org: Org, actor: Actor) -> None:
    [record_id] = create(org, actor, {"FirstName": "Jo", "MailingCity": "Oslo", "Engagement_Score__c": 3})
    [event] = published(org)
    stamp = event["payload"]["LastModifiedDate"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", stamp)
    assert body(event) == {
        "Name": {"FirstName": "Jo", "LastName": "Doe"},
        "MailingAddress": {"City": "Oslo"},
        "Engagement_Score__c": 3.0,
        "HasOptedOutOfEmail": False,
        "DoNotCall": False,
        "OwnerId": actor.user_id,
        "CreatedDate": stamp,
        "CreatedById": actor.user_id,
        "LastModifiedDate": stamp,
        "LastModifiedById": actor.user_id,
    }
    header = event["payload"]["ChangeEventHeader"]
    assert header.keys() == HEADER_KEYS
    assert header["changeType"] == "CREATE"
    assert header["changedFields"] == []
    assert header["recordIds"] == [record_id]
    assert header["sequenceNumber"] == 1
    assert header["commitTimestamp"] % 1000 == 0
    assert 10**18 < header["commitNumber"] < 2**63
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", header["transactionKey"])
    assert re.fullmatch(r"[\w-]{22}", event["schema"])
    assert event["event"] == {"replayId": org.events.tip}


def test_an_update_carries_what_changed_and_null_for_what_was_cleared(org: Org, actor: Actor) -> None:
    [record_id] = create(org, actor, {"FirstName": "Jo", "Title": "Boss", "MailingCity": "Oslo"})
    update(org, actor, [record_id], FirstName=None, Title="Boss", MailingCity=None, MailingCountry="Norway", Phone="1")
    event = published(org)[-1]
    assert body(event) == {
        "Name": {"FirstName": None},
        "MailingAddress": {"City": None, "Country": "Norway"},
        "Phone": "1",
        "LastModifiedDate": event["payload"]["LastModifiedDate"],
    }
    assert sorted(event["payload"]["ChangeEventHeader"]["changedFields"]) == [
        "LastModifiedDate",
        "MailingAddress.City",
        "MailingAddress.Country",
        "Name.FirstName",
        "Phone",
    ]


def test_an_update_by_somebody_else_names_the_modifier(org: Org, actor: Actor) -> None:
    [record_id] = create(org, actor, {})
    other = add_user(org, UserSpec("o@x.org", profile=ADMINISTRATOR))
    update(org, Actor(other, "bulkapi"), [record_id], Title="x")
    event = published(org)[-1]
    assert event["payload"]["LastModifiedById"] == other
    assert event["payload"]["ChangeEventHeader"]["commitUser"] == other
    assert "LastModifiedById" in event["payload"]["ChangeEventHeader"]["changedFields"]
    assert event["payload"]["ChangeEventHeader"]["changeOrigin"] == "com/salesforce/api/bulkapi/62.0"


def test_an_update_with_equal_values_still_moves_the_modification_date(org: Org, actor: Actor) -> None:
    [record_id] = create(org, actor, {"Title": "Boss"})
    update(org, actor, [record_id], Title="Boss")
    assert headers(org)[-1]["changedFields"] == ["LastModifiedDate"]


def test_a_deletion_carries_nothing_and_an_undeletion_everything(org: Org, actor: Actor) -> None:
    [record_id] = create(org, actor, {"Title": "Boss"})
    org.commit([Write("delete", "Contact", record_id, {})], actor)
    org.commit([Write("undelete", "Contact", record_id, {})], actor)
    created, deleted, undeleted = published(org)
    assert body(deleted) == {}
    assert body(undeleted).keys() == body(created).keys()
    assert [header["changeType"] for header in headers(org)] == ["CREATE", "DELETE", "UNDELETE"]


def test_the_name_of_an_account_is_plain_and_whole_numbers_are_floats(org: Org, actor: Actor) -> None:
    org.commit([Write("create", "Account", None, {"Name": "Acme", "NumberOfEmployees": 12, "BillingCity": "X"})], actor)
    [event] = published(org, "Account")
    assert event["payload"]["Name"] == "Acme"
    assert event["payload"]["BillingAddress"] == {"City": "X"}
    assert isinstance(event["payload"]["NumberOfEmployees"], float)


def test_records_with_the_same_change_in_one_transaction_share_an_event(org: Org, actor: Actor) -> None:
    ids = create(org, actor, {"Title": "a"}, {"Title": "b"}, {"Title": "c"})
    assert len(published(org)) == 3
    results = org.commit(
        [
            Write("update", "Contact", record_id, {"Department": dept})
            for record_id, dept in zip(ids, "XXY", strict=True)
        ],
        actor,
    )
    assert all(result.success for result in results)
    merged, single = headers(org)[3:]
    assert (merged["recordIds"], single["recordIds"]) == (ids[:2], ids[2:])
    assert (merged["sequenceNumber"], single["sequenceNumber"]) == (1, 2)
    assert merged["transactionKey"] == single["transactionKey"]
    assert merged["commitNumber"] == single["commitNumber"]
    org.commit([Write("delete", "Contact", record_id, {}) for record_id in ids], actor)
    assert headers(org)[-1]["recordIds"] == ids


def test_transactions_are_not_merged(org: Org, actor: Actor) -> None:
    ids = create(org, actor, {"Title": "a"}, {"Title": "b"})
    for record_id in ids:
        update(org, actor, [record_id], Department="X")
    last_two = headers(org)[-2:]
    assert [header["recordIds"] for header in last_two] == [[record_id] for record_id in ids]
    assert last_two[0]["transactionKey"] != last_two[1]["transactionKey"]
    assert last_two[0]["commitNumber"] < last_two[1]["commitNumber"]


def test_objects_that_are_not_selected_leave_a_hole_in_the_sequence(actor: Actor) -> None:
    org = Org(OrgConfig(cdc_entities=("Contact",)))
    by = Actor(org.admin_user_id, "rest")
    org.commit(
        [Write("create", "Account", None, {"Name": "Acme"}), Write("create", "Contact", None, {"LastName": "Doe"})], by
    )
    assert [header["sequenceNumber"] for header in headers(org)] == [2]
    entry = list(org.ledger.after(0))[-2]
    assert (entry.object_name, entry.replay_id) == ("Account", None)


def test_the_header_has_no_fixed_place(org: Org, actor: Actor) -> None:
    for number in range(30):
        create(org, actor, {"Title": f"{number}"})
    places = {list(event["payload"]).index("ChangeEventHeader") for event in published(org)}
    assert len(places) > 3


def test_the_ledger_says_what_must_arrive(org: Org, actor: Actor) -> None:
    ids = create(org, actor, {"Title": "a"}, {"Title": "b"})
    update(org, actor, ids, Department="X")
    assert org.ledger.events_by_entity == {"Contact": 3}
    assert org.ledger.changes_by_record("Contact") == dict.fromkeys(ids, 2)
    entries = list(org.ledger.after(0))[-2:]
    assert {entry.replay_id for entry in entries} == {org.events.tip}
    assert entries[0].as_json()["replayIds"] == {
        "/data/ContactChangeEvent": org.events.tip,
        "/data/ChangeEvents": org.events.tip,
    }


_FIELDS = st.dictionaries(
    st.sampled_from(["FirstName", "Title", "MailingCity", "MailingStreet", "Engagement_Score__c", "DoNotCall"]),
    st.sampled_from([None, "1", "0"]),
)
_STEPS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["create", "update", "delete", "undelete"]), st.integers(0, 5), _FIELDS), max_size=4
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_applying_the_events_in_order_gives_the_rows(steps: list[list[tuple[Any, int, dict[str, object]]]]) -> None:
    org = Org(OrgConfig())
    actor = Actor(org.admin_user_id, "rest")
    ids = create(org, actor, *({"Title": f"{number}"} for number in range(4)))
    for step in steps:
        ids += _commit(org, actor, ids, step)
    rebuilt = _apply(published(org))
    assert rebuilt == {str(row["Id"]): _as_event_fields(org, row) for row in org.rows("Contact")}


def _commit(org: Org, actor: Actor, ids: list[str], step: list[tuple[Any, int, dict[str, object]]]) -> list[str]:
    writes = [
        Write(operation, "Contact", None, {"LastName": "New"} | fields)
        if operation == "create"
        else Write(operation, "Contact", ids[index % len(ids)], fields if operation == "update" else {})
        for operation, index, fields in step
    ]
    return [str(result.record_id) for result in org.commit(writes, actor) if result.created]


def _apply(events: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """A client in a few lines: bodies merge into records, absent means unchanged, null means cleared."""
    records: dict[str, dict[str, Any]] = {}
    for event in events:
        header = event["payload"]["ChangeEventHeader"]
        for record_id in header["recordIds"]:
            if header["changeType"] == "DELETE":
                del records[record_id]
            else:
                _merge(records.setdefault(record_id, {}), body(event))
    return records


def _merge(record: dict[str, Any], values: Mapping[str, Any], prefix: str = "") -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            _merge(record, value, f"{name}.")
        elif value is None:
            record.pop(prefix + name, None)
        else:
            record[prefix + name] = value


def _as_event_fields(org: Org, row: Mapping[str, object]) -> dict[str, object]:
    fields = org.objects()["Contact"].event_fields
    values = {field.event_path: row[field.name] for field in fields if field.name in row}
    return {name: value.replace("+0000", "Z") if isinstance(value, str) else value for name, value in values.items()}
