"""What a commit does to rows, and what it refuses."""

from __future__ import annotations

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.store.org import Actor, Org, RowError, Write


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1_719_908_906.839

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def org(clock: Clock) -> Org:
    return Org(OrgConfig(), clock)


@pytest.fixture
def actor(org: Org) -> Actor:
    return Actor(org.admin_user_id, "rest", "Tests")


def create(org: Org, actor: Actor, **fields: object) -> str:
    [result] = org.commit([Write("create", "Contact", None, {"LastName": "Doe"} | fields)], actor)
    assert result.success, result.errors
    return str(result.record_id)


def update(org: Org, actor: Actor, record_id: str, **fields: object) -> tuple[RowError, ...]:
    return org.commit([Write("update", "Contact", record_id, fields)], actor)[0].errors


def row(org: Org, record_id: str) -> dict[str, object]:
    found = org.get("Contact", record_id)
    assert found is not None
    return found


def test_a_created_row_has_its_values_defaults_and_stamps_of_one_second(org: Org, actor: Actor) -> None:
    contact = row(org, create(org, actor, FirstName="Jo", Email=" Jo@Example.COM ", Title="", Department=None))
    assert contact["Name"] == "Jo Doe"
    assert contact["Email"] == "Jo@Example.COM"
    assert "Title" not in contact
    assert "Department" not in contact
    assert contact["DoNotCall"] is False
    assert contact["OwnerId"] == actor.user_id
    stamps = {contact[name] for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp")}
    assert stamps == {"2024-07-02T08:28:26.000+0000"}


def test_an_update_changes_and_clears_and_moves_the_stamps(org: Org, actor: Actor, clock: Clock) -> None:
    record_id = create(org, actor, FirstName="Jo", Title="Boss")
    clock.now += 5
    assert not update(org, actor, record_id[:15], FirstName=None, MailingCity="Oslo")
    contact = row(org, record_id)
    assert contact["Name"] == "Doe"
    assert "FirstName" not in contact
    assert contact["MailingCity"] == "Oslo"
    assert contact["Title"] == "Boss"
    assert contact["CreatedDate"] == "2024-07-02T08:28:26.000+0000"
    assert contact["SystemModstamp"] == contact["LastModifiedDate"] == "2024-07-02T08:28:31.000+0000"


def test_stamps_do_not_go_back_with_the_clock(org: Org, actor: Actor, clock: Clock) -> None:
    record_id = create(org, actor)
    clock.now -= 3600
    update(org, actor, record_id, Title="x")
    assert row(org, record_id)["SystemModstamp"] == "2024-07-02T08:28:26.000+0000"
    numbers = [entry.commit_number for entry in org.ledger.after(0)]
    assert numbers == sorted(numbers)
    assert len(set(numbers[-2:])) == 2


def test_rows_handed_out_are_not_changed_by_a_later_commit(org: Org, actor: Actor) -> None:
    record_id = create(org, actor, Title="before")
    before = row(org, record_id)
    update(org, actor, record_id, Title="after")
    assert before["Title"] == "before"


@pytest.mark.parametrize(
    ("fields", "code", "message", "named"),
    [
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ("LastName",)),
        ({"Foo__c": 1}, "INVALID_FIELD", "No such column 'Foo__c' on sobject of type Contact", ()),
        (
            {"FirstName": "x" * 41},
            "STRING_TOO_LONG",
            f"First Name: data value too large: {'x' * 41} (max length=40)",
            ("FirstName",),
        ),
        ({"Email": "123"}, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: 123", ("Email",)),
        (
            {"CleanStatus": "Shiny"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Clean Status: bad value for restricted picklist field: Shiny",
            ("CleanStatus",),
        ),
        ({"AccountId": "001000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ()),
        ({"AccountId": "x"}, "MALFORMED_ID", "Account ID: id value of incorrect type: x", ("AccountId",)),
        (
            {"IsDeleted": True},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            (
                "Unable to create/update fields: IsDeleted. Please check the security settings of this field and "
                "verify that it is read/write for your profile or permission set."
            ),
            ("IsDeleted",),
        ),
        (
            {"Engagement_Score__c": "high"},
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "Engagement Score: value not of required type: high",
            ("Engagement_Score__c",),
        ),
        (
            {"Engagement_Score__c": 1e16},
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Engagement Score: value outside of valid range on numeric field: 1e+16",
            ("Engagement_Score__c",),
        ),
        (
            {"Last_Engagement_Date__c": "2024-02-30"},
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "Last Engagement Date: value not of required type: 2024-02-30",
            ("Last_Engagement_Date__c",),
        ),
    ],
)
def test_a_refused_row_is_told_why_and_changes_nothing(
    org: Org, actor: Actor, fields: dict[str, object], code: str, message: str, named: tuple[str, ...]
) -> None:
    [result] = org.commit([Write("create", "Contact", None, {"LastName": "Doe"} | fields)], actor)
    assert not result.success
    assert result.errors == (RowError(code, message, named),)
    assert org.count("Contact") == 0
    assert len(org.ledger) == 2  # the organization and its user


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("engagement_score__c", "12.345", 12.35),
        ("Engagement_Score__c", 7, 7.0),
        ("DoNotCall", "TRUE", True),
        ("DoNotCall", None, False),
        ("Last_Engagement_Date__c", "2024-05-01", "2024-05-01"),
        ("EmailBouncedDate", "2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00.000+0000"),
        ("Title", 5, "5"),
        ("Title", "  padded ", "  padded "),
    ],
)
def test_values_are_kept_in_one_form(org: Org, actor: Actor, name: str, given: object, stored: object) -> None:
    contact = row(org, create(org, actor, **{name: given}))
    field = org.objects()["Contact"].find(name)
    assert field is not None
    assert contact[field.name] == stored
    assert type(contact[field.name]) is type(stored)


def test_a_reference_is_kept_with_18_characters(org: Org, actor: Actor) -> None:
    [account] = org.commit([Write("create", "Account", None, {"Name": "Acme"})], actor)
    contact = row(org, create(org, actor, AccountId=str(account.record_id)[:15]))
    assert contact["AccountId"] == account.record_id


def test_rows_of_one_transaction_succeed_and_fail_on_their_own(org: Org, actor: Actor) -> None:
    writes = [Write("create", "Contact", None, {"LastName": name}) for name in ("A", "", "C")]
    assert [result.success for result in org.commit(writes, actor)] == [True, False, True]
    assert org.count("Contact") == 2


def test_all_or_none_undoes_the_good_rows(org: Org, actor: Actor) -> None:
    writes = [Write("create", "Contact", None, {"LastName": name}) for name in ("A", "")]
    good, bad = org.commit(writes, actor, all_or_none=True)
    assert good.errors[0].status_code == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert bad.errors[0].status_code == "REQUIRED_FIELD_MISSING"
    assert org.count("Contact") == 0
    assert len(org.ledger) == 2


def test_writes_to_records_that_are_not_there(org: Org, actor: Actor) -> None:
    record_id = create(org, actor)
    org.commit([Write("delete", "Contact", record_id, {})], actor)
    assert update(org, actor, record_id, Title="x") == (RowError("ENTITY_IS_DELETED", "entity is deleted"),)
    absent = RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    assert update(org, actor, "003000000000001AAA", Title="x") == (absent,)
    assert update(org, actor, "abc", Title="x") == (RowError("MALFORMED_ID", "malformed id abc"),)


def test_one_record_twice_in_a_transaction_is_refused_the_second_time(org: Org, actor: Actor) -> None:
    record_id = create(org, actor)
    writes = [Write("update", "Contact", record_id, {"Title": title}) for title in ("one", "two")]
    first, second = org.commit(writes, actor)
    assert first.success
    assert second.errors == (RowError("DUPLICATE_VALUE", f"duplicate id specified: {record_id}"),)
    assert row(org, record_id)["Title"] == "one"


def test_a_deleted_account_takes_its_contacts_along_and_brings_them_back(org: Org, actor: Actor, clock: Clock) -> None:
    [account] = org.commit([Write("create", "Account", None, {"Name": "Acme"})], actor)
    account_id = str(account.record_id)
    gone_before = create(org, actor, AccountId=account_id)
    inside, outside = create(org, actor, AccountId=account_id), create(org, actor)
    org.commit([Write("delete", "Contact", gone_before, {})], actor)
    clock.now += 1
    org.commit([Write("delete", "Account", account_id, {})], actor)
    assert [contact["Id"] for contact in org.rows("Contact")] == [outside]
    assert {contact["Id"] for contact in org.rows("Contact", deleted=True)} == {gone_before, inside, outside}
    org.commit([Write("undelete", "Account", account_id, {})], actor)
    assert {contact["Id"] for contact in org.rows("Contact")} == {inside, outside}
    assert org.get("Account", account_id) is not None


def test_loaded_rows_are_seeds_without_events(org: Org) -> None:
    [record_id] = org.load("Lead", [{"LastName": "Doe", "Company": "-", "Title": None}])
    lead = org.get("Lead", record_id)
    assert lead is not None
    assert lead["Status"] == "Open - Not Contacted"
    assert lead["SystemModstamp"] == lead["CreatedDate"] == "2024-07-02T08:28:26.000+0000"
    entry = next(org.ledger.after(2))
    assert (entry.kind, entry.replay_id, entry.record_id) == ("seed", None, record_id)
    assert not org.events.after("/data/LeadChangeEvent", -2, 10)
    with pytest.raises(ValueError, match="Lead has no field Foo"):
        org.load("Lead", [{"Foo": 1}])
