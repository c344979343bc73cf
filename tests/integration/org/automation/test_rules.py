"""Validation rules, formula and roll-up fields, triggers: seen by a client over HTTP and told by events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from sandbox.org.automation.specs import Automation, ValidationRule
from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve

DATA = "/services/data/v62.0"
_TOTAL = {
    "type": "Summary",
    "summaryForeignKey": "Opportunity.AccountId",
    "summarizedField": "Opportunity.Amount",
    "summaryOperation": "sum",
    "summaryFilterItems": [
        {"field": "Opportunity.StageName", "operation": "equals", "value": "Closed Won,Prospecting"}
    ],
}
_CONFIG = OrgConfig(
    cdc_entities=("Account", "Contact", "Lead", "Opportunity"),
    custom_fields=(
        ("Account.Total__c", _TOTAL),
        (
            "Account.Deals__c",
            {"type": "Summary", "summaryForeignKey": "Opportunity.AccountId", "summaryOperation": "count"},
        ),
        ("Contact.Code__c", {"type": "Text", "length": 20, "unique": True, "externalId": True}),
        ("Contact.Must__c", {"type": "Text", "length": 20}),
        ("Contact.Tag__c", {"type": "Text", "length": 20, "formula": "UPPER(LastName) & ' of ' & Account.Name"}),
        ("Contact.Double__c", {"type": "Number", "scale": 1, "formula": "Engagement_Score__c * 2"}),
    ),
    validation_rules=(
        ValidationRule("Contact", "No_Fax", "NOT(ISBLANK(Fax)) && ISBLANK(Phone)", "Fax needs a phone.", "Fax"),
        ValidationRule("Contact", "Locked", "NOT(ISNEW()) && ISCHANGED(Title)", "The title stays."),
    ),
    automations=(
        Automation("Lead", {"Rating": "'Hot'"}, "Engagement_Score__c > 90"),
        Automation("Contact", {"Description": "'Seen ' & LastName"}, "NOT(ISBLANK(Department))", parent="AccountId"),
    ),
)


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(_CONFIG) as running:
        yield running


@pytest.fixture
async def http(org: RunningOrg) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {org.access_token}"}
    async with aiohttp.ClientSession(org.base_url, headers=headers) as session:
        yield session


async def call(http: aiohttp.ClientSession, method: str, path: str, **given: object) -> tuple[int, Any]:
    async with http.request(method, DATA + path, json=given or None) as response:
        text = await response.text()
        return response.status, orjson.loads(text) if text else None


async def create(http: aiohttp.ClientSession, object_name: str, **fields: object) -> str:
    status, body = await call(http, "POST", f"/sobjects/{object_name}", **fields)
    assert status == 201, body
    return str(body["id"])


async def query(http: aiohttp.ClientSession, text: str) -> list[dict[str, Any]]:
    async with http.get(f"{DATA}/query", params={"q": text}) as response:
        body = await response.json()
        assert response.status == 200, body
        records: list[dict[str, Any]] = body["records"]
        return records


def events_of(org: RunningOrg, *, since: int) -> list[dict[str, Any]]:
    events = org.org.events.after("/data/ChangeEvents", since, 100)
    return [orjson.loads(one.data)["payload"] for one in events]


async def test_a_broken_validation_rule_refuses_the_row_with_its_own_text(http: aiohttp.ClientSession) -> None:
    status, body = await call(http, "POST", "/sobjects/Contact", LastName="Fax", Fax="1")
    page = await create(http, "Contact", LastName="Title", Title="CEO")
    changed = await call(http, "PATCH", f"/sobjects/Contact/{page}", Title="CFO")

    assert (status, body) == (
        400,
        [{"message": "Fax needs a phone.", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Fax"]}],
    )
    assert changed == (
        400,
        [{"message": "The title stays.", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": []}],
    )


async def test_formula_fields_are_read_and_filtered_but_never_written(http: aiohttp.ClientSession) -> None:
    account = await create(http, "Account", Name="Acme")
    contact = await create(http, "Contact", LastName="Form", AccountId=account, Engagement_Score__c=2.5)

    _, record = await call(http, "GET", f"/sobjects/Contact/{contact}")
    rows = await query(http, "SELECT Id, Double__c FROM Contact WHERE Tag__c = 'form of acme' AND Double__c > 4")
    status, refused = await call(http, "PATCH", f"/sobjects/Contact/{contact}", Tag__c="x")
    _, describe = await call(http, "GET", "/sobjects/Contact/describe")

    assert (record["Tag__c"], record["Double__c"]) == ("FORM of Acme", 5.0)
    assert [(row["Id"], row["Double__c"]) for row in rows] == [(contact, 5.0)]
    assert (status, refused[0]["errorCode"]) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    field = next(one for one in describe["fields"] if one["name"] == "Tag__c")
    assert (field["calculated"], field["updateable"], field["length"], field["groupable"]) == (True, False, 1300, False)
    assert field["calculatedFormula"] == "UPPER(LastName) & ' of ' & Account.Name"


async def test_roll_ups_follow_children_in_the_same_transaction(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    account, other = await create(http, "Account", Name="One"), await create(http, "Account", Name="Two")
    tip = org.org.events.tip
    deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2030-01-01"}
    first = await create(http, "Opportunity", **deal, AccountId=account, Amount=10)
    created = events_of(org, since=tip)
    await create(http, "Opportunity", **{**deal, "StageName": "Closed Lost"}, AccountId=account, Amount=100)
    summed = await query(http, "SELECT Total__c, Deals__c FROM Account WHERE Name = 'One'")
    await call(http, "PATCH", f"/sobjects/Opportunity/{first}", AccountId=other)
    moved = await query(http, "SELECT Name, Total__c, Deals__c FROM Account WHERE Name IN ('One', 'Two') ORDER BY Name")

    headers = [one["ChangeEventHeader"] for one in created]
    assert [(one["entityName"], one["changeType"], one["sequenceNumber"]) for one in headers] == [
        ("Opportunity", "CREATE", 1),
        ("Account", "UPDATE", 2),
    ]
    assert len({one["transactionKey"] for one in headers}) == 1
    assert (created[1]["Total__c"], created[1]["Deals__c"]) == (10.0, 1.0)
    assert (summed[0]["Total__c"], summed[0]["Deals__c"]) == (10.0, 2.0)
    assert [(one["Total__c"], one["Deals__c"]) for one in moved] == [(0.0, 1.0), (10.0, 1.0)]


async def test_a_trigger_on_the_record_itself_makes_one_event(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    tip = org.org.events.tip
    await create(http, "Lead", LastName="Keen", Company="K", Engagement_Score__c=95)
    lead = await create(http, "Lead", LastName="Slow", Company="S", Engagement_Score__c=5)
    await call(http, "PATCH", f"/sobjects/Lead/{lead}", Engagement_Score__c=99)

    keen, slow, update = events_of(org, since=tip)
    assert keen["Rating"] == "Hot"
    assert "Rating" not in slow
    assert set(update["ChangeEventHeader"]["changedFields"]) == {"Engagement_Score__c", "Rating", "LastModifiedDate"}


async def test_a_trigger_on_the_parent_shares_the_transaction(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    account = await create(http, "Account", Name="Parent")
    tip = org.org.events.tip
    await create(http, "Contact", LastName="Child", AccountId=account, Department="R&D")

    child, parent = events_of(org, since=tip)
    assert parent["Description"] == "Seen Child"
    assert (parent["ChangeEventHeader"]["recordIds"], parent["ChangeEventHeader"]["sequenceNumber"]) == ([account], 2)
    assert parent["ChangeEventHeader"]["transactionKey"] == child["ChangeEventHeader"]["transactionKey"]


async def test_unique_values_are_refused_with_the_holder(http: aiohttp.ClientSession) -> None:
    holder = await create(http, "Contact", LastName="First", Code__c="A-1")
    status, body = await call(http, "POST", "/sobjects/Contact", LastName="Second", Code__c="a-1")

    message = f"duplicate value found: Code__c duplicates value on record with id: {holder[:15]}"
    assert (status, body) == (400, [{"message": message, "errorCode": "DUPLICATE_VALUE", "fields": []}])


async def test_a_required_custom_field_must_be_given_and_kept(http: aiohttp.ClientSession) -> None:
    metadata = {"label": "Region", "type": "Text", "length": 10, "required": True}
    async with http.post("/__admin__/fields", json={"name": "Lead.Region__c", "metadata": metadata}) as answer:
        assert answer.status == 200, await answer.text()
    missing = await call(http, "POST", "/sobjects/Lead", LastName="L", Company="C")
    lead = await create(http, "Lead", LastName="L", Company="C", Region__c="EU")
    cleared = await call(http, "PATCH", f"/sobjects/Lead/{lead}", Region__c=None)

    refusal = {
        "message": "Required fields are missing: [Region__c]",
        "errorCode": "REQUIRED_FIELD_MISSING",
        "fields": ["Region__c"],
    }
    assert missing == cleared == (400, [refusal])


async def test_rules_and_fields_come_by_tooling_and_admin(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    metadata = {"errorConditionFormula": "LEN(Site) > 3", "errorMessage": "Short sites only.", "active": True}
    made, _ = await call(http, "POST", "/tooling/sobjects/ValidationRule", FullName="Account.Short", Metadata=metadata)
    wrong = await call(
        http,
        "POST",
        "/tooling/sobjects/ValidationRule",
        FullName="Account.W",
        Metadata={"errorConditionFormula": "Nope__c"},
    )
    refused, _ = await call(http, "POST", "/sobjects/Account", Name="X", Site="Long")
    async with http.post("/__admin__/automations", json={"object": "Account", "set": {"Rating": "'Cold'"}}) as answer:
        assert answer.status == 200, await answer.text()
    account = await create(http, "Account", Name="Cool")
    _, record = await call(http, "GET", f"/sobjects/Account/{account}")

    assert (made, wrong[0], refused, record["Rating"]) == (201, 400, 400, "Cold")
    assert wrong[1][0]["message"] == "Field Nope__c does not exist. Check spelling."
    async with http.post("/__admin__/automations/clear", json={}) as answer:
        assert answer.status == 200


async def test_a_lossy_conversion_is_told_once_for_all_records(org: RunningOrg, http: aiohttp.ClientSession) -> None:
    contact = await create(http, "Contact", LastName="Loss", Must__c="text")
    tip = org.org.events.tip
    convert = {"name": "Contact.Must__c", "metadata": {"type": "Number", "precision": 5, "scale": 0}}
    async with http.post("/__admin__/fields/convert", json=convert) as answer:
        assert answer.status == 200, await answer.text()

    (event,) = events_of(org, since=tip)
    assert event["ChangeEventHeader"]["recordIds"] == ["003*"]
    _, record = await call(http, "GET", f"/sobjects/Contact/{contact}")
    assert record["Must__c"] is None
