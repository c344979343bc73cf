"""What users do to records, and what change events tell of it: merges, conversions, deletions for good, long text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.events.textdiff import diff_of
from sandbox.org.store.conversion import Conversion, ConversionError, convert
from sandbox.org.store.merging import MergeError, merge
from sandbox.org.store.org import Actor, Org, Write

ALL = "/data/ChangeEvents"


@pytest.fixture
def org() -> Org:
    return Org(OrgConfig())


def actor(org: Org) -> Actor:
    return Actor(org.admin_user_id, "")


def create(org: Org, object_name: str, *rows: dict[str, object]) -> list[str]:
    results = org.commit([Write("create", object_name, None, row) for row in rows], actor(org))
    assert all(result.success for result in results), results
    return [str(result.record_id) for result in results]


def contacts(org: Org, *names: str, **fields: object) -> list[str]:
    return create(org, "Contact", *({"LastName": name, **fields} for name in names))


def write(org: Org, operation: Any, object_name: str, ids: Sequence[str], **fields: object) -> None:
    results = org.commit([Write(operation, object_name, one, dict(fields)) for one in ids], actor(org))
    assert all(result.success for result in results), results


def events(org: Org, after: int) -> list[dict[str, Any]]:
    return [json.loads(event.data)["payload"] for event in org.events.after(ALL, after, 1000)]


def told(org: Org, after: int) -> list[tuple[str, str, list[str]]]:
    headers = [event["ChangeEventHeader"] for event in events(org, after)]
    return [(header["entityName"], header["changeType"], header["recordIds"]) for header in headers]


def test_a_merge_deletes_the_losers_and_updates_the_winner(org: Org) -> None:
    """Source: salesforce.md 1.6. Nothing in the events shows that it was a merge."""
    winner, *losers = contacts(org, "A", "B", "C")
    tip = org.events.tip
    result = merge(org, "Contact", winner, losers, {"Title": "Boss"}, actor(org))
    assert result.success
    assert told(org, tip) == [("Contact", "DELETE", losers), ("Contact", "UPDATE", [winner])]
    deleted, updated = events(org, tip)
    assert deleted.keys() == {"ChangeEventHeader"}
    assert updated["Title"] == "Boss"
    assert deleted["ChangeEventHeader"]["transactionKey"] == updated["ChangeEventHeader"]["transactionKey"]
    for loser in losers:
        assert org.get("Contact", loser) is None
        row = org.get("Contact", loser, deleted=True)
        assert row is not None
        assert (row["MasterRecordId"], row["IsDeleted"]) == (winner, True)


def test_losers_may_have_an_event_each() -> None:
    org = Org(OrgConfig(merge_deletes_share_event=False))
    winner, *losers = contacts(org, "A", "B", "C")
    tip = org.events.tip
    merge(org, "Contact", winner, losers, {}, actor(org))
    assert [ids for _, kind, ids in told(org, tip) if kind == "DELETE"] == [[losers[0]], [losers[1]]]


@pytest.mark.parametrize("announced", [False, True])
def test_what_hung_on_a_loser_moves_to_the_winner(announced: bool) -> None:
    org = Org(OrgConfig(merge_announces_children=announced))
    winner, loser = create(org, "Account", {"Name": "A"}, {"Name": "B"})
    [child] = contacts(org, "Child", AccountId=loser)
    tip = org.events.tip
    merge(org, "Account", winner, [loser], {}, actor(org))
    row = org.get("Contact", child)
    assert row is not None
    assert row["AccountId"] == winner
    assert (("Contact", "UPDATE", [child]) in told(org, tip)) is announced
    entry = next(entry for entry in reversed(list(org.ledger.after(0))) if entry.record_id == child)
    assert (entry.replay_id is not None) is announced


def test_a_refused_merge_changes_nothing(org: Org) -> None:
    winner, loser = contacts(org, "A", "B")
    result = merge(org, "Contact", winner, [loser], {"Email": "nonsense"}, actor(org))
    assert not result.success
    assert org.get("Contact", loser) is not None


def test_merges_that_cannot_be(org: Org) -> None:
    one, two, three, four = contacts(org, "A", "B", "C", "D")
    for ids in ([], [two, three, four], [one], [two, two], ["x"], ["003000000000000AAA"]):
        with pytest.raises(MergeError):
            merge(org, "Contact", one, ids, {}, actor(org))
    with pytest.raises(MergeError, match="cannot be merged"):
        merge(org, "Opportunity", one, [two], {}, actor(org))


LEAD: dict[str, object] = {
    "LastName": "Doe",
    "FirstName": "Jo",
    "Company": "Acme",
    "Email": "jo@acme.org",
    "Street": "1 Way",
    "Rating": "Hot",
}


def test_a_conversion_is_four_events_of_one_transaction() -> None:
    """Source: salesforce.md 1.6 and 9 E: Account, Contact, Opportunity created, Lead updated."""
    org = Org(OrgConfig(cdc_entities=("Account", "Contact", "Lead", "Opportunity")))
    [lead] = create(org, "Lead", LEAD)
    tip = org.events.tip
    converted = convert(org, Conversion(lead), actor(org))
    assert told(org, tip) == [
        ("Account", "CREATE", [converted.account_id]),
        ("Contact", "CREATE", [converted.contact_id]),
        ("Opportunity", "CREATE", [converted.opportunity_id]),
        ("Lead", "UPDATE", [lead]),
    ]
    payloads = events(org, tip)
    headers = [payload["ChangeEventHeader"] for payload in payloads]
    assert [header["sequenceNumber"] for header in headers] == [1, 2, 3, 4]
    assert len({header["transactionKey"] for header in headers}) == 1
    assert {name: payloads[3][name] for name in ("Status", "IsConverted", "ConvertedAccountId")} == {
        "Status": "Closed - Converted",
        "IsConverted": True,
        "ConvertedAccountId": converted.account_id,
    }
    assert payloads[3]["ConvertedContactId"] == converted.contact_id
    assert payloads[3]["ConvertedOpportunityId"] == converted.opportunity_id
    assert payloads[3]["ConvertedDate"] == payloads[3]["LastModifiedDate"][:10]
    contact = org.get("Contact", converted.contact_id)
    assert contact is not None
    assert (contact["AccountId"], contact["Email"]) == (converted.account_id, "jo@acme.org")
    account = org.get("Account", converted.account_id)
    assert account is not None
    assert (account["Name"], account["BillingStreet"], account["Rating"]) == ("Acme", "1 Way", "Hot")


def test_an_object_that_is_not_selected_leaves_a_hole_in_the_sequence(org: Org) -> None:
    [lead] = create(org, "Lead", LEAD)
    tip = org.events.tip
    convert(org, Conversion(lead), actor(org))
    assert [event["ChangeEventHeader"]["sequenceNumber"] for event in events(org, tip)] == [1, 2, 4]


def test_a_conversion_may_use_an_account_and_skip_the_opportunity(org: Org) -> None:
    [lead] = create(org, "Lead", LEAD)
    [account] = create(org, "Account", {"Name": "Theirs"})
    converted = convert(org, Conversion(lead, account_id=account, create_opportunity=False), actor(org))
    assert (converted.account_id, converted.opportunity_id) == (account, None)
    row = org.get("Lead", lead)
    assert row is not None
    assert "ConvertedOpportunityId" not in row


@pytest.mark.parametrize("tells", [True, False])
def test_whether_the_converted_lead_tells_its_date_is_a_switch(tells: bool) -> None:
    org = Org(OrgConfig(conversion_lead_has_modified_date=tells))
    [lead] = create(org, "Lead", LEAD)
    tip = org.events.tip
    convert(org, Conversion(lead), actor(org))
    update = events(org, tip)[-1]
    assert ("LastModifiedDate" in update) is tells
    assert ("LastModifiedDate" in update["ChangeEventHeader"]["changedFields"]) is tells


def test_a_lead_is_converted_once(org: Org) -> None:
    [lead] = create(org, "Lead", LEAD)
    convert(org, Conversion(lead), actor(org))
    with pytest.raises(ConversionError, match="CANNOT_UPDATE_CONVERTED_LEAD"):
        convert(org, Conversion(lead), actor(org))
    with pytest.raises(ConversionError, match="ENTITY_IS_DELETED"):
        convert(org, Conversion("00Q000000000000AAA"), actor(org))


def test_emptying_the_recycle_bin_tells_nobody(org: Org) -> None:
    """Source: salesforce.md 1.3: no events for hard deletion."""
    [record_id] = contacts(org, "A")
    write(org, "delete", "Contact", [record_id])
    tip = org.events.tip
    write(org, "hard_delete", "Contact", [record_id])
    assert told(org, tip) == []
    assert org.get("Contact", record_id, deleted=True) is None
    assert list(org.ledger.after(0))[-1].replay_id is None
    [again] = org.commit([Write("undelete", "Contact", record_id, {})], actor(org))
    assert again.errors[0].status_code == "UNDELETE_FAILED"


@pytest.mark.parametrize("announced", [True, False])
def test_hard_deletion_of_a_live_record_takes_its_children_along(announced: bool) -> None:
    org = Org(OrgConfig(hard_delete_announces=announced))
    [account] = create(org, "Account", {"Name": "A"})
    [child] = contacts(org, "Child", AccountId=account)
    tip = org.events.tip
    write(org, "hard_delete", "Account", [account])
    expected = [("Account", "DELETE", [account]), ("Contact", "DELETE", [child])] if announced else []
    assert told(org, tip) == expected
    assert org.get("Contact", child, deleted=True) is None


TEXT = "\n".join(f"line {number} of a long description" for number in range(60))


def test_long_text_may_come_as_a_diff() -> None:
    """Source: salesforce.md 1.5."""
    org = Org(OrgConfig(long_text_as_diff=True))
    [record_id] = contacts(org, "A", Description=TEXT)
    tip = org.events.tip
    changed = TEXT.replace("line 30 of", "line thirty of")
    write(org, "update", "Contact", [record_id], Description=changed)
    [event] = events(org, tip)
    diff = event["Description"]["diff"]
    assert diff.startswith(f"--- \n+++ {hashlib.sha256(changed.encode()).hexdigest()}\n@@ ")
    assert "\n-line 30 of a long description\n+line thirty of a long description\n" in diff
    assert "Description" in event["ChangeEventHeader"]["changedFields"]
    assert event["ChangeEventHeader"].keys().isdisjoint({"diffFields", "nulledFields"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x" * 400, "x" * 999),
        (TEXT, TEXT + TEXT),
        (TEXT, TEXT[: len(TEXT) // 3] + "y" * 1000),
        (TEXT, TEXT.replace("long", "short", 18)),
        ("x" * 1500, "y" * 1500),
    ],
    ids=["short", "grown by half", "shrunk", "most lines changed", "one long line"],
)
def test_when_the_whole_value_comes_all_the_same(before: str, after: str) -> None:
    assert diff_of(before, after) is None


def test_an_event_above_the_size_limit_becomes_a_gap() -> None:
    """Source: salesforce.md 1.7: messages above 1 MB."""
    org = Org(OrgConfig(event_max_bytes=2_000))
    contacts(org, "Small")
    ids = contacts(org, "Large", Description="x" * 2_000)
    assert [kind for _, kind, _ in told(org, -2)] == ["CREATE", "GAP_CREATE"]
    assert told(org, -2)[1][2] == ids


def test_beyond_the_overflow_limit_one_event_stands_for_an_object() -> None:
    """Source: salesforce.md 1.8 and 9 C."""
    org = Org(OrgConfig(overflow_changes=2))
    ids = contacts(org, "A", "B", "C", "D")
    assert told(org, -2) == [
        ("Contact", "CREATE", [ids[0]]),
        ("Contact", "CREATE", [ids[1]]),
        ("Contact", "GAP_OVERFLOW", ["000000000000000AAA"]),
    ]
    entries = list(org.ledger.after(0))[-4:]
    assert [entry.change_type for entry in entries] == ["CREATE", "CREATE", "GAP_OVERFLOW", "GAP_OVERFLOW"]
    assert org.ledger.changes_by_record("Contact") == {ids[0]: 1, ids[1]: 1}


def test_each_changed_field_of_an_update_counts() -> None:
    org = Org(OrgConfig(overflow_changes=3))
    ids = contacts(org, "A", "B")
    tip = org.events.tip
    # Title and LastModifiedDate for each record.
    org.commit([Write("update", "Contact", one, {"Title": str(index)}) for index, one in enumerate(ids)], actor(org))
    assert [kind for _, kind, _ in told(org, tip)] == ["UPDATE", "GAP_OVERFLOW"]


def test_an_update_leaves_a_record_at_its_place(org: Org) -> None:
    """Queries without ORDER BY would otherwise change their order with every edit."""
    ids = contacts(org, "A", "B", "C")
    write(org, "update", "Contact", ids[:1], Title="x")
    assert [row["Id"] for row in org.rows("Contact")] == ids
