"""Person accounts and record types, as a client meets them over HTTP (CDC guide, "Person Accounts")."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.metadata.record_types import RecordTypeSpec
from sandbox.org.server import RunningOrg, serve

DATA = "/services/data/v62.0"
_CONFIG = OrgConfig(
    new_fields_visible=True,
    person_accounts=True,
    record_types=(
        RecordTypeSpec("Account", "Business", default=True),
        RecordTypeSpec("Account", "Patient", person=True),
        RecordTypeSpec("Lead", "Partner"),
        RecordTypeSpec("Lead", "Old", active=False),
    ),
)
_PERSON = {"FirstName": "Pia", "LastName": "Person", "PersonEmail": "pia@example.com", "PersonMailingCity": "Oslo"}


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(_CONFIG) as running:
        yield running


async def call(http: aiohttp.ClientSession, method: str, path: str, **given: object) -> tuple[int, Any]:
    async with http.request(method, DATA + path, json=given or None) as response:
        text = await response.text()
        return response.status, orjson.loads(text) if text else None


async def person(http: aiohttp.ClientSession, **more: object) -> dict[str, Any]:
    status, body = await call(http, "POST", "/sobjects/Account", **_PERSON, **more)
    assert status == 201, body
    _, record = await call(http, "GET", f"/sobjects/Account/{body['id']}")
    assert isinstance(record, dict)
    return record


def events_of(org: RunningOrg, *, since: int) -> list[dict[str, Any]]:
    return [orjson.loads(one.data)["payload"] for one in org.org.events.after("/data/ChangeEvents", since, 100)]


def kinds(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    headers = [one["ChangeEventHeader"] for one in events]
    return [(one["entityName"], one["changeType"]) for one in headers]


async def test_a_person_is_an_account_and_a_contact(http: aiohttp.ClientSession) -> None:
    account = await person(http)
    _, contact = await call(http, "GET", f"/sobjects/Contact/{account['PersonContactId']}")

    assert (account["Name"], account["IsPersonAccount"], account["PersonMailingCity"]) == ("Pia Person", True, "Oslo")
    assert account["PersonMailingAddress"]["city"] == "Oslo"
    assert (contact["Email"], contact["MailingCity"], contact["AccountId"]) == (
        "pia@example.com",
        "Oslo",
        account["Id"],
    )
    assert contact["IsPersonAccount"] is True


async def test_every_change_of_a_person_makes_two_events(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    tip = org.org.events.tip
    account = await person(http)
    path = f"/sobjects/Account/{account['Id']}"
    await call(http, "PATCH", path, LastName="Other", PersonEmail="other@example.com")
    await call(http, "PATCH", f"/sobjects/Contact/{account['PersonContactId']}", Level__c="Primary")
    await call(http, "DELETE", path)

    events = events_of(org, since=tip)
    assert kinds(events) == [
        ("Account", "CREATE"), ("Contact", "CREATE"), ("Account", "UPDATE"), ("Contact", "UPDATE"),
        ("Contact", "UPDATE"), ("Account", "UPDATE"), ("Account", "DELETE"), ("Contact", "DELETE"),
    ]  # fmt: skip
    assert events[0]["Name"] == {"FirstName": "Pia", "LastName": "Person"}
    assert events[0]["PersonMailingAddress"] == {"City": "Oslo"}
    assert events[2]["ChangeEventHeader"]["changedFields"] == ["LastModifiedDate", "Name.LastName", "PersonEmail"]
    assert events[3]["Email"] == "other@example.com"
    assert events[5]["Level__pc"] == "Primary"
    assert set(events[6]) == set(events[7]) == {"ChangeEventHeader"}


async def test_business_accounts_stay_as_they_were(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    tip = org.org.events.tip
    status, body = await call(http, "POST", "/sobjects/Account", Name="Acme")
    nameless = await call(http, "POST", "/sobjects/Account", Site="x")

    assert status == 201, body
    assert nameless[1][0]["message"] == "Required fields are missing: [Name]"
    (event,) = events_of(org, since=tip)
    assert event["Name"] == "Acme"
    assert event["IsPersonAccount"] is False


async def test_undelete_brings_both_halves_back(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    account = await person(http)
    await call(http, "DELETE", f"/sobjects/Account/{account['Id']}")
    tip = org.org.events.tip
    async with http.post("/__admin__/undelete", json={"object": "Account", "ids": [account["Id"]]}) as answer:
        assert answer.status == 200
    assert kinds(events_of(org, since=tip)) == [("Account", "UNDELETE"), ("Contact", "UNDELETE")]


async def test_the_contact_of_a_person_cannot_go_alone(http: aiohttp.ClientSession) -> None:
    account = await person(http)
    status, _ = await call(http, "DELETE", f"/sobjects/Contact/{account['PersonContactId']}")
    assert status == 400


async def test_record_types_are_described_and_default(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    _, describe = await call(http, "GET", "/sobjects/Account/describe")
    infos = describe["recordTypeInfos"]
    account = await person(http)
    _, made = await call(http, "POST", "/sobjects/Account", Name="Acme")
    _, business = await call(http, "GET", f"/sobjects/Account/{made['id']}")
    by_name = {one["developerName"]: one["recordTypeId"] for one in infos}

    assert [(one["developerName"], one["defaultRecordTypeMapping"], one["master"]) for one in infos] == [
        ("Business", True, False),
        ("Patient", False, False),
        ("Master", False, True),
    ]
    assert (account["RecordTypeId"], business["RecordTypeId"]) == (by_name["Patient"], by_name["Business"])


async def test_a_record_type_of_another_object_or_an_inactive_one_is_refused(
    org: RunningOrg, http: aiohttp.ClientSession
) -> None:
    types = {row["DeveloperName"]: str(row["Id"]) for row in org.org.rows("RecordType")}
    for wrong in ("Business", "Old"):
        status, body = await call(http, "POST", "/sobjects/Lead", LastName="L", Company="C", RecordTypeId=types[wrong])
        assert status == 400
        assert body[0]["message"] == f"Record Type ID: this ID value isn't valid for the user: {types[wrong]}"
    status, _ = await call(http, "POST", "/sobjects/Lead", LastName="L", Company="C", RecordTypeId=types["Partner"])
    assert status == 201


async def test_a_record_type_can_be_made_over_rest(http: aiohttp.ClientSession) -> None:
    made = {"Name": "Gold", "DeveloperName": "Gold", "SobjectType": "Campaign", "IsActive": True}
    status, body = await call(http, "POST", "/sobjects/RecordType", **made)
    assert status == 201, body
    _, describe = await call(http, "GET", "/sobjects/Campaign/describe")
    status, campaign = await call(http, "POST", "/sobjects/Campaign", Name="C", RecordTypeId=body["id"])

    assert [one["name"] for one in describe["recordTypeInfos"]] == ["Gold", "Master"]
    assert status == 201, campaign


async def test_a_custom_field_of_contact_shows_on_the_account(http: aiohttp.ClientSession) -> None:
    metadata = {"label": "Shoe", "type": "Number", "precision": 4, "scale": 1}
    await call(http, "POST", "/tooling/sobjects/CustomField", FullName="Contact.Shoe__c", Metadata=metadata)
    account = await person(http, Shoe__pc=42.5)
    async with http.get(f"{DATA}/query", params={"q": "SELECT Shoe__c FROM Contact WHERE Shoe__c > 42"}) as answer:
        found = (await answer.json())["records"]
    assert account["Shoe__pc"] == found[0]["Shoe__c"] == 42.5


async def test_a_lead_without_a_company_becomes_a_person(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    status, lead = await call(http, "POST", "/sobjects/Lead", LastName="Solo", Email="solo@example.com")
    assert status == 201, lead
    tip = org.org.events.tip
    async with http.post("/__admin__/records/convert", json={"lead": lead["id"]}) as answer:
        converted = await answer.json()
    _, account = await call(http, "GET", f"/sobjects/Account/{converted['account']}")

    assert (account["Name"], account["PersonEmail"]) == ("Solo", "solo@example.com")
    assert account["PersonContactId"] == converted["contact"]
    events = events_of(org, since=tip)
    assert kinds(events) == [("Account", "CREATE"), ("Contact", "CREATE"), ("Lead", "UPDATE")]
    first, *_, last = (one["ChangeEventHeader"]["commitTimestamp"] for one in events)
    assert last - first == 1_000


async def test_persons_merge_with_persons_only(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    winner, loser = await person(http), await person(http)
    _, business = await call(http, "POST", "/sobjects/Account", Name="Acme")
    tip = org.org.events.tip

    async def merge(*losers: str) -> int:
        body = {"object": "Account", "winner": winner["Id"], "losers": losers}
        async with http.post("/__admin__/records/merge", json=body) as answer:
            return answer.status

    assert await merge(business["id"]) == 400
    assert await merge(loser["Id"]) == 200
    assert sorted(kinds(events_of(org, since=tip))) == [
        ("Account", "DELETE"), ("Account", "UPDATE"), ("Contact", "DELETE"), ("Contact", "UPDATE"),
    ]  # fmt: skip
    gone = org.org.get("Contact", loser["PersonContactId"], deleted=True)
    assert gone is not None
    assert gone["MasterRecordId"] == winner["PersonContactId"]


async def test_a_record_type_of_the_other_kind_converts_both_ways(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    types = {row["DeveloperName"]: str(row["Id"]) for row in org.org.rows("RecordType")}
    account = await person(http)
    path = f"/sobjects/Account/{account['Id']}"
    tip = org.org.events.tip
    parted = await call(http, "PATCH", path, RecordTypeId=types["Business"])
    _, business = await call(http, "GET", path)
    joined = await call(http, "PATCH", path, RecordTypeId=types["Patient"])
    _, again = await call(http, "GET", path)

    assert parted == joined == (204, None)
    assert (business["Name"], business["IsPersonAccount"], business["PersonEmail"]) == ("Pia Person", False, None)
    assert (again["Name"], again["PersonEmail"]) == ("Pia Person", "pia@example.com")
    assert again["PersonContactId"] == account["PersonContactId"]
    events = events_of(org, since=tip)
    assert kinds(events) == [("Account", "UPDATE")] * 2
    assert events[0]["ChangeEventHeader"]["changedFields"] == ["LastModifiedDate", "RecordTypeId"]


async def test_only_an_account_with_one_contact_becomes_a_person(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    types = {row["DeveloperName"]: str(row["Id"]) for row in org.org.rows("RecordType")}
    _, made = await call(http, "POST", "/sobjects/Account", Name="Acme")
    status, _ = await call(http, "PATCH", f"/sobjects/Account/{made['id']}", RecordTypeId=types["Patient"])
    assert status == 400
