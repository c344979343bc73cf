"""SOSL, getUpdated and getDeleted, and query plans over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve

DATA = "/services/data/v62.0"


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(accounts=13, contacts=20, leads=22)) as running:
        yield running


async def get(http: aiohttp.ClientSession, path: str, **params: str) -> tuple[int, Any]:
    async with http.get(DATA + path, params=params) as response:
        return response.status, await response.json()


async def search(http: aiohttp.ClientSession, text: str) -> list[dict[str, Any]]:
    status, body = await get(http, "/search", q=text)
    assert status == 200, body
    records: list[dict[str, Any]] = body["searchRecords"]
    return records


async def test_a_search_returns_the_records_of_each_object_in_turn(http: aiohttp.ClientSession) -> None:
    found = await search(http, "FIND {young} IN NAME FIELDS RETURNING Lead(Id, Company), Contact(Name)")

    assert [(one["attributes"]["type"], one.get("Company") or one.get("Name")) for one in found] == [
        ("Lead", "Dickenson plc"),
        ("Contact", "Andy Young"),
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("FIND {gonz*} RETURNING Contact(Name)", ["Rose Gonzalez"]),
        ("FIND {edge.com AND NOT sean} RETURNING Contact(Name)", ["Rose Gonzalez"]),
        ('FIND {"uog.com" AND s*} IN EMAIL FIELDS RETURNING Contact(Name)', ["Stella Pavlova"]),
        ("FIND {gonzalez OR forbes} RETURNING Contact(Name ORDER BY Name DESC LIMIT 1)", ["Sean Forbes"]),
        ("FIND {united} RETURNING Account(Name WHERE Name LIKE '%(UK)%' OR Name LIKE '%UK')", ["United Oil & Gas, UK"]),
        ("FIND {nobody} RETURNING Contact(Name)", []),
    ],
)
async def test_terms_and_clauses_pick_records(http: aiohttp.ClientSession, text: str, names: list[str]) -> None:
    assert [one["Name"] for one in await search(http, text)] == names


async def test_a_search_without_returning_looks_everywhere(http: aiohttp.ClientSession) -> None:
    found = await search(http, "FIND {burlington}")
    assert {one["attributes"]["type"] for one in found} == {"Account", "Contact", "Lead"}
    assert all(set(one) == {"attributes", "Id"} for one in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smith", "No search term found. The search term must be enclosed in braces."),
        ("FIND {a}", "search term must be longer than one character: a"),
        ("FIND {smith} RETURNING", "unexpected token: '<EOF>'"),
    ],
)
async def test_malformed_searches(http: aiohttp.ClientSession, text: str, message: str) -> None:
    status, body = await get(http, "/search", q=text)
    assert (status, body) == (400, [{"message": message, "errorCode": "MALFORMED_SEARCH"}])


async def test_parameterized_searches(http: aiohttp.ClientSession) -> None:
    asked = {"sobject": "Contact", "Contact.fields": "Id,Name", "Contact.limit": "1", "in": "NAME"}
    _, by_query = await get(http, "/parameterizedSearch", q="forbes", **asked)
    body = {"q": "forbes", "sobjects": [{"name": "Contact", "fields": ["Name"], "where": "Name LIKE 'S%'"}]}
    async with http.post(f"{DATA}/parameterizedSearch", json=body) as response:
        by_body = await response.json()

    assert [one["Name"] for one in by_query["searchRecords"]] == ["Sean Forbes"]
    assert [one["Name"] for one in by_body["searchRecords"]] == ["Sean Forbes"]


async def test_updated_and_deleted_records_of_a_span(http: aiohttp.ClientSession) -> None:
    async with http.post(f"{DATA}/sobjects/Lead", json={"LastName": "Gone", "Company": "C"}) as response:
        gone = (await response.json())["id"]
    await http.delete(f"{DATA}/sobjects/Lead/{gone}")
    now = datetime.now(UTC)
    span = {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(hours=1)).isoformat()}
    _, updated = await get(http, "/sobjects/Lead/updated", **span)
    _, deleted = await get(http, "/sobjects/Lead/deleted/", **span)

    assert list(updated) == ["ids", "latestDateCovered"]
    assert len(updated["ids"]) == 22
    assert gone not in updated["ids"]
    assert list(deleted) == ["deletedRecords", "earliestDateAvailable", "latestDateCovered"]
    assert [one["id"] for one in deleted["deletedRecords"]] == [gone]


async def test_spans_that_are_refused(http: aiohttp.ClientSession) -> None:
    now = datetime.now(UTC)
    missing = await get(http, "/sobjects/Lead/updated", start=now.isoformat())
    narrow = await get(http, "/sobjects/Lead/updated", start=now.isoformat(), end=now.isoformat())
    long_ago = await get(http, "/sobjects/Lead/deleted", start="2001-01-01T00:00:00Z", end=now.isoformat())

    assert [one[1][0]["errorCode"] for one in (missing, narrow, long_ago)] == [
        "MISSING_ARGUMENT",
        "INVALID_REPLICATION_DATE",
        "INVALID_REPLICATION_DATE",
    ]


async def test_query_plans_put_an_index_before_a_scan(http: aiohttp.ClientSession) -> None:
    text = "SELECT Id FROM Contact WHERE Email = 'rose@edge.com'"
    _, body = await get(http, "/query/", explain=text)
    status, wrong = await get(http, "/query", explain="SELECT Nope FROM Contact")

    assert [(one["leadingOperationType"], one["fields"]) for one in body["plans"]] == [
        ("Index", ["Email"]),
        ("TableScan", []),
    ]
    assert (body["plans"][0]["cardinality"], body["sourceQuery"]) == (1, text)
    assert (status, wrong[0]["errorCode"]) == (400, "INVALID_FIELD")
