"""Queries and list views over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve
from sandbox.org.store.people import add_user
from sandbox.org.users.specs import UserSpec

DATA = "/services/data/v62.0"


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(contacts=450, leads=30, accounts=13, seed=4)) as running:
        yield running


@pytest.fixture
async def http(org: RunningOrg) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {org.access_token}"}
    async with aiohttp.ClientSession(org.base_url, headers=headers) as session:
        yield session


async def get(http: aiohttp.ClientSession, path: str, status: int = 200, **params: str) -> Any:
    async with http.get(path, params=params) as reply:
        assert reply.status == status, await reply.text()
        return await reply.json()


async def views(http: aiohttp.ClientSession, object_name: str) -> dict[str, dict[str, Any]]:
    body = await get(http, f"{DATA}/sobjects/{object_name}/listviews")
    return {view["developerName"]: view for view in body["listviews"]}


async def test_records_nest_their_parents_in_select_order(http: aiohttp.ClientSession) -> None:
    query = "SELECT Name, Account.Owner.Alias, Email, Account.Name FROM Contact WHERE LastName = 'Gonzalez'"
    query += " AND FirstName = 'Rose'"
    body = await get(http, f"{DATA}/query", q=query)
    (record,) = body["records"]
    assert (body["totalSize"], body["done"]) == (1, True)
    assert list(record) == ["attributes", "Name", "Account", "Email"]
    assert record["attributes"]["url"].startswith(f"{DATA}/sobjects/Contact/003")
    assert record["Account"]["Name"] == "Edge Communications"
    assert record["Account"]["Owner"]["Alias"] == "aadmin"
    assert record["Account"]["Owner"]["attributes"]["type"] == "User"


async def test_missing_parents_and_compounds(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    org.org.load("Contact", [{"LastName": "Solo", "MailingCity": "Ulm"}, {"LastName": "Duo"}])
    query = "SELECT LastName, Account.Name, MailingAddress FROM Contact WHERE LastName IN ('Solo', 'Duo')"
    solo, duo = (await get(http, f"{DATA}/query", q=query + " ORDER BY LastName DESC"))["records"]
    assert solo["Account"] is None
    assert solo["MailingAddress"]["city"] == "Ulm"
    assert duo["MailingAddress"] is None


async def test_paging_by_locator(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    http.headers["Sforce-Query-Options"] = "batchSize=200"
    page = await get(http, f"{DATA}/query", q="SELECT Id FROM Contact")
    ids, sizes = [], []
    while True:
        ids += [record["Id"] for record in page["records"]]
        sizes.append(len(page["records"]))
        if page["done"]:
            break
        assert page["nextRecordsUrl"].endswith(f"-{len(ids)}")
        page = await get(http, page["nextRecordsUrl"])
    assert sizes == [200, 200, 50]
    assert "nextRecordsUrl" not in page
    assert sorted(ids) == sorted(str(row["Id"]) for row in org.org.rows("Contact"))


async def test_query_errors(http: aiohttp.ClientSession) -> None:
    assert (await get(http, f"{DATA}/query", 400))[0]["errorCode"] == "MALFORMED_QUERY"
    (error,) = await get(http, f"{DATA}/query", 400, q="SELECT Foo FROM Contact")
    assert list(error) == ["message", "errorCode"]
    assert error["errorCode"] == "INVALID_FIELD"
    (error,) = await get(http, f"{DATA}/query/0r8xx0000000000AAA-2000", 400)
    assert (error["errorCode"], error["message"]) == ("INVALID_QUERY_LOCATOR", "invalid query locator")


async def test_count_and_query_all(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    gone = str(next(iter(org.org.rows("Lead")))["Id"])
    org.org.commit([Write("delete", "Lead", gone, {})], Actor(org.org.admin_user_id, "rest"))
    assert await get(http, f"{DATA}/query", q="SELECT COUNT() FROM Lead") == {
        "totalSize": 29,
        "done": True,
        "records": [],
    }
    body = await get(http, f"{DATA}/queryAll", q="SELECT Id, IsDeleted FROM Lead WHERE IsDeleted = true")
    assert [(record["Id"], record["IsDeleted"]) for record in body["records"]] == [(gone, True)]


async def test_list_of_views(http: aiohttp.ClientSession) -> None:
    body = await get(http, f"{DATA}/sobjects/Account/listviews")
    assert {key: body[key] for key in ("done", "nextRecordsUrl", "size", "sobjectType")} == {
        "done": True,
        "nextRecordsUrl": None,
        "size": len(body["listviews"]),
        "sobjectType": "Account",
    }
    view = next(view for view in body["listviews"] if view["developerName"] == "NewThisWeek")
    url = f"{DATA}/sobjects/Account/listviews/{view['id']}"
    assert view == {
        "describeUrl": f"{url}/describe",
        "developerName": "NewThisWeek",
        "id": view["id"],
        "label": "New This Week",
        "resultsUrl": f"{url}/results",
        "soqlCompatible": True,
        "url": url,
    }
    assert await get(http, url) == view


async def test_describe(http: aiohttp.ClientSession) -> None:
    view = (await views(http, "Account"))["TechnologyCustomers"]
    body = await get(http, view["describeUrl"])
    assert body["id"] == view["id"][:15]
    assert body["scope"] == "everything"
    assert body["whereCondition"] == {
        "conditions": [
            {
                "field": "Industry",
                "operator": "in",
                "values": ["'Technology'", "'Electronics'", "'Telecommunications'"],
            },
            {"field": "Type", "operator": "like", "values": ["'Customer%'"]},
        ],
        "conjunction": "and",
    }
    assert body["query"] == (
        "SELECT Name, Site, BillingState, Phone, toLabel(Type), Owner.Alias, Id, CreatedDate, LastModifiedDate, "
        "SystemModstamp, Owner.Id, OwnerId FROM Account WHERE Industry IN ('Technology', 'Electronics', "
        "'Telecommunications') AND Type LIKE 'Customer%' ORDER BY Name ASC NULLS FIRST, Id ASC NULLS FIRST"
    )
    name, phone = body["columns"][0], body["columns"][3]
    assert (name["ascendingLabel"], name["sortDirection"], name["sortIndex"]) == ("Z-A", "ascending", 0)
    assert (phone["ascendingLabel"], phone["type"], phone["sortIndex"]) == ("9-0", "phone", None)
    hidden = [column["fieldNameOrPath"] for column in body["columns"] if column["hidden"]]
    assert hidden == ["Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "Owner.Id", "OwnerId"]


@pytest.mark.parametrize(("name", "scope"), [("AllContacts", "everything"), ("MyContacts", "mine")])
async def test_lists_without_conditions(http: aiohttp.ClientSession, name: str, scope: str) -> None:
    view = (await views(http, "Contact"))[name]
    body = await get(http, view["describeUrl"])
    assert (body["scope"], body["whereCondition"]) == (scope, {"conditions": [], "conjunction": "and"})
    assert ("USING SCOPE mine" in body["query"]) == (scope == "mine")


async def test_query_and_results_of_a_list_agree(http: aiohttp.ClientSession) -> None:
    view = (await views(http, "Contact"))["MarketingLeaders"]
    description = await get(http, view["describeUrl"])
    by_query = [one["Id"] for one in (await get(http, f"{DATA}/query", q=description["query"]))["records"]]
    by_results: list[str] = []
    while True:
        page = await get(http, view["resultsUrl"], limit="70", offset=str(len(by_results)))
        for record in page["records"]:
            cells = {cell["fieldNameOrPath"]: cell["value"] for cell in record["columns"]}
            assert cells["CreatedDate"].split(" ")[4] == "GMT"
            by_results.append(cells["Id"])
        if page["done"]:
            break
    assert by_results == by_query
    assert len(by_query) > 70


async def test_recent_lists_are_those_opened_last(http: aiohttp.ClientSession) -> None:
    recent = f"{DATA}/sobjects/Lead/listviews/recent"
    assert (await get(http, recent))["listviews"] == []
    leads = await views(http, "Lead")
    for name in ("HotLeads", "OpenLeads", "HotLeads"):
        await get(http, leads[name]["describeUrl"])
    assert [view["developerName"] for view in (await get(http, recent))["listviews"]] == ["HotLeads", "OpenLeads"]


async def test_defined_lists_page_by_25(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    where = {"field": "Email", "operator": "like", "values": ["'%@edge.com'"]}
    for number in range(30):
        body = {"object": "Contact", "label": f"L {number}", "developerName": f"L{number}", "where": where}
        async with http.post("/__admin__/listviews", json=body) as reply:
            assert reply.status == 201
            defined = await reply.json()
    first = await get(http, f"{DATA}/sobjects/Contact/listviews")
    assert (first["size"], first["done"]) == (25, False)
    second = await get(http, first["nextRecordsUrl"])
    assert second["done"] is True
    names = [view["developerName"] for page in (first, second) for view in page["listviews"]]
    assert len(names) == len(set(names))
    assert {f"L{number}" for number in range(30)} <= set(names)
    members = await get(http, f"/__admin__/listviews/{defined['id']}/members")
    rows = org.org.rows("Contact")
    expected = [str(row["Id"]) for row in rows if str(row.get("Email")).lower().endswith("@edge.com")]
    assert sorted(members) == sorted(expected)
    assert len(members) >= 2


@pytest.mark.parametrize(
    "change",
    [
        {"where": {"field": "Nonsense", "operator": "equals", "values": ["'x'"]}},
        {"where": {"field": "Email", "operator": "equals", "values": ["x"]}},
        {"where": {"field": "Email", "operator": "within", "values": ["'x'"]}},
        {"label": None},
        {"object": "User"},
    ],
)
async def test_lists_that_cannot_be_defined(http: aiohttp.ClientSession, change: dict[str, Any]) -> None:
    body = {"object": "Contact", "label": "Mine", "developerName": "Mine"} | change
    async with http.post("/__admin__/listviews", json=body) as reply:
        assert reply.status == 400
    assert "Mine" not in await views(http, "Contact")


async def test_private_lists_are_for_their_owner(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    body = {"object": "Lead", "label": "Private", "developerName": "Private", "private": True}
    async with http.post("/__admin__/listviews", json=body) as reply:
        view_id = (await reply.json())["id"]
    url = f"{DATA}/sobjects/Lead/listviews/{view_id}"
    await get(http, url)
    other = add_user(org.org, UserSpec("other@org.example"))
    http.headers["Authorization"] = f"Bearer {org.tokens.issue(other)}"
    assert (await get(http, url, 404))[0]["errorCode"] == "NOT_FOUND"
    assert "Private" not in await views(http, "Lead")


async def test_unknown_lists(http: aiohttp.ClientSession) -> None:
    contact_view = (await views(http, "Contact"))["AllContacts"]["id"]
    for path in (f"Lead/listviews/{contact_view}", "Contact/listviews/00B000000000001/describe", "Nope/listviews"):
        assert (await get(http, f"{DATA}/sobjects/{path}", 404))[0]["errorCode"] == "NOT_FOUND"
