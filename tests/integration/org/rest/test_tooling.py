"""Tooling API, event schemas, collections by external id (salesforce-shapes.md 4.2, 7.4 and 9; answers 2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.events.custom_channels import ChannelMember, CustomChannel
from sandbox.org.rest.tooling import ToolingRecords
from sandbox.org.server import RunningOrg, serve
from sandbox.org.soql.execute import run
from sandbox.org.store.org import Org

DATA = "/services/data/v62.0"
MEMBERS = "SELECT MasterLabel, SelectedEntity FROM PlatformEventChannelMember WHERE EventChannel = 'ChangeEvents'"


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(cdc_entities=("Contact", "Lead"), new_fields_visible=True)) as running:
        yield running


@pytest.fixture
async def http(org: RunningOrg) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {org.access_token}"}
    async with aiohttp.ClientSession(org.base_url, headers=headers) as session:
        yield session


async def call(http: aiohttp.ClientSession, method: str, path: str, body: object = None, status: int = 200) -> Any:
    async with http.request(method, DATA + path, json=body) as reply:
        text = await reply.text()
        assert reply.status == status, text
        return orjson.loads(text) if text else None


async def add_field(http: aiohttp.ClientSession, name: str, status: int = 201, **metadata: object) -> Any:
    body = {"FullName": name, "Metadata": {"label": "X", "type": "Text", "length": 20} | metadata}
    return await call(http, "POST", "/tooling/sobjects/CustomField", body, status)


async def test_selected_entities(http: aiohttp.ClientSession) -> None:
    async with http.get(f"{DATA}/tooling/query", params={"q": MEMBERS}) as reply:
        body = await reply.json()
    assert list(body) == ["size", "totalSize", "done", "queryLocator", "entityTypeName", "records"]
    assert body["entityTypeName"] == "PlatformEventChannelMember"
    assert [one["SelectedEntity"] for one in body["records"]] == ["ContactChangeEvent", "LeadChangeEvent"]
    assert body["records"][0]["attributes"]["url"].startswith(f"{DATA}/tooling/sobjects/PlatformEventChannelMember/0v8")
    (error,) = await call(http, "GET", "/tooling/query?q=SELECT+Id+FROM+Contact", None, 400)
    assert error["errorCode"] == "INVALID_TYPE"
    assert error["message"].endswith("sObject type 'Contact' is not supported.")


async def test_members_of_custom_channels_are_listed() -> None:
    channel = CustomChannel("Mine__chn", (ChannelMember("Account"),))
    config = OrgConfig(cdc_entities=("Contact",), custom_channels=(channel,))
    source = ToolingRecords(Org(config))
    rows = run(source, "SELECT DeveloperName, EventChannel FROM PlatformEventChannelMember", "").rows
    assert [(row["DeveloperName"], row["EventChannel"]) for row in rows] == [
        ("ChangeEvents_ContactChangeEvent", "ChangeEvents"),
        ("Mine_chn_AccountChangeEvent", "Mine__chn"),
    ]


async def test_a_custom_field_is_a_field_like_any_other(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    created = await add_field(http, "Contact.Ext__c", unique=True, externalId=True)
    assert created == {"id": created["id"], "success": True, "errors": [], "warnings": [], "infos": []}
    assert created["id"].startswith("00N")
    (field,) = [
        one for one in (await call(http, "GET", "/sobjects/Contact/describe"))["fields"] if one["name"] == "Ext__c"
    ]
    expected = {"type": "string", "length": 20, "byteLength": 60, "custom": True, "unique": True, "externalId": True}
    assert {key: field[key] for key in expected} == expected
    assert field["idLookup"] is True
    record = await call(http, "PATCH", "/sobjects/Contact/Ext__c/e1", {"LastName": "A"}, 201)
    again = await call(http, "PATCH", "/sobjects/Contact/Ext__c/E1", {"LastName": "B"})
    assert again == record | {"created": False}
    (error,) = await call(http, "POST", "/sobjects/Contact", {"LastName": "C", "Ext__c": "e1"}, 400)
    assert error == {
        "message": f"duplicate value found: Ext__c duplicates value on record with id: {record['id'][:15]}",
        "errorCode": "DUPLICATE_VALUE",
        "fields": [],
    }
    found = await call(http, "GET", "/query?q=SELECT+Ext__c+FROM+Contact+WHERE+Ext__c='e1'")
    assert found["records"][0]["Ext__c"] == "e1"
    await call(http, "DELETE", f"/sobjects/Contact/{record['id']}", None, 204)
    await call(http, "POST", "/sobjects/Contact", {"LastName": "C", "Ext__c": "e1"}, 201)
    assert org.org.count("Contact") == 1


@pytest.mark.parametrize(
    ("name", "metadata", "code"),
    [
        ("Nope.X__c", {}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Contact.X", {}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Contact.X__c", {"type": "Hologram"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Contact.X__c", {"length": 256}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Contact.X__c", {"type": "Lookup"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Contact.Level__c", {}, "DUPLICATE_DEVELOPER_NAME"),
    ],
)
async def test_refused_fields(http: aiohttp.ClientSession, name: str, metadata: dict[str, Any], code: str) -> None:
    assert (await add_field(http, name, 400, **metadata))[0]["errorCode"] == code


async def test_event_schemas_by_name_and_id(http: aiohttp.ClientSession) -> None:
    compact = await call(http, "GET", "/sobjects/ContactChangeEvent/eventSchema?payloadFormat=COMPACT")
    assert (compact["name"], compact["namespace"]) == ("ContactChangeEvent", "com.sforce.eventbus")
    assert compact["fields"][0]["name"] == "ChangeEventHeader"
    names = [one["name"] for one in compact["fields"]]
    assert {"Name", "MailingAddress", "Email"} <= set(names)
    assert not {"LastName", "MailingCity", "SystemModstamp", "IsDeleted"} & set(names)
    assert len(names) == len(set(names))
    by_id = f"/event/eventSchema/{compact['uuid']}?payloadFormat=COMPACT"
    assert await call(http, "GET", by_id) == compact
    expanded = await call(http, "GET", f"/event/eventSchema/{compact['uuid']}")
    assert (expanded["type"], expanded["uuid"]) == ("expanded-record", compact["uuid"])
    await add_field(http, "Contact.New__c")
    assert await call(http, "GET", by_id) == compact  # events of before still name it
    newer = await call(http, "GET", "/sobjects/ContactChangeEvent/eventSchema?payloadFormat=COMPACT")
    assert (newer["uuid"] != compact["uuid"], newer["fields"][-1]["name"]) == (True, "New__c")
    await call(http, "GET", "/event/eventSchema/none", None, 404)


async def test_collections_upsert_and_retrieve(http: aiohttp.ClientSession) -> None:
    attributes = {"type": "Contact"}
    path = "/composite/sobjects/Contact/Email"
    records: list[dict[str, object]] = [
        {"attributes": attributes, "Email": "a@x.example", "LastName": "A"},
        {"attributes": attributes, "Email": "b@x.example"},
        {"Email": "c@x.example", "LastName": "C"},
    ]
    created, refused, bare = await call(http, "PATCH", path, {"allOrNone": False, "records": records})
    assert created == {"id": created["id"], "success": True, "errors": [], "created": True}
    assert (refused["errors"][0]["statusCode"], refused["created"]) == ("REQUIRED_FIELD_MISSING", False)
    assert (list(bare), bare["errors"][0]["statusCode"]) == (["success", "errors", "created"], "JSON_PARSER_ERROR")
    (updated,) = await call(http, "PATCH", path, {"records": [records[0] | {"LastName": "AA"}]})
    assert updated == created | {"created": False}
    missing = "003000000000000AAA"
    ids = f"{created['id']},{missing}"
    expected = [
        {
            "attributes": {"type": "Contact", "url": f"{DATA}/sobjects/Contact/{created['id']}"},
            "Id": created["id"],
            "LastName": "AA",
        },
        None,
    ]
    assert await call(http, "GET", f"/composite/sobjects/Contact?ids={ids}&fields=id,LastName") == expected
    body = {"ids": ids.split(","), "fields": ["LastName"]}
    assert await call(http, "POST", "/composite/sobjects/Contact", body) == expected


async def test_campaigns_and_opportunities(http: aiohttp.ClientSession) -> None:
    contact = (await call(http, "POST", "/sobjects/Contact", {"LastName": "A"}, 201))["id"]
    campaign = (await call(http, "POST", "/sobjects/Campaign", {"Name": "Spring"}, 201))["id"]
    member = {"CampaignId": campaign, "ContactId": contact}
    await call(http, "POST", "/sobjects/CampaignMember", member, 201)
    query = "SELECT Id FROM Contact WHERE Id IN (SELECT ContactId FROM CampaignMember WHERE Campaign.Name = 'spring')"
    assert [one["Id"] for one in (await call(http, "GET", f"/query?q={query}"))["records"]] == [contact]
    query = "SELECT Status, (SELECT ContactId, Status FROM CampaignMembers) FROM Campaign"
    (record,) = (await call(http, "GET", f"/query?q={query}"))["records"]
    assert record["Status"] == "Planned"
    children = record["CampaignMembers"]
    assert (children["totalSize"], children["done"], children["records"][0]["Status"]) == (1, True, "Sent")
    describe = await call(http, "GET", "/sobjects/Contact/describe")
    child = {(one["childSObject"], one["field"]): one for one in describe["childRelationships"]}[
        "CampaignMember", "ContactId"
    ]
    assert (child["relationshipName"], child["cascadeDelete"]) == ("CampaignMembers", True)
    opportunity = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-07-01", "Amount": 5}
    await call(http, "POST", "/sobjects/Opportunity", opportunity, 201)
    answer = await call(http, "GET", "/query?q=SELECT StageName, SUM(Amount) FROM Opportunity GROUP BY StageName")
    assert answer["records"] == [{"attributes": {"type": "AggregateResult"}, "StageName": "Closed Won", "expr0": 5.0}]
    closed = await call(http, "GET", "/query?q=SELECT IsWon, IsClosed, Probability, FiscalYear FROM Opportunity")
    values = [closed["records"][0][name] for name in ("IsWon", "IsClosed", "Probability", "FiscalYear")]
    assert values == [True, True, 100.0, 2026]


async def test_record_counts(http: aiohttp.ClientSession) -> None:
    some = await call(http, "GET", "/limits/recordCount?sObjects=User,Nope")
    assert some == {"sObjects": [{"count": 1, "name": "User"}]}
    every = await call(http, "GET", "/limits/recordCount")
    assert {"Account", "CampaignMember"} <= {one["name"] for one in every["sObjects"]}
