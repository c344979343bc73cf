"""Answers of query jobs: what is refused, pages, parallel pages, compression, and what a fault leaves of them."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.faults.plan import FaultSpec
from sandbox.org.server import RunningOrg, serve
from tests.integration.org.bulk.steps import QUERY, call, finished, query_job, rows

OLD = "/services/data/v48.0/jobs/query"


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(contacts=23, accounts=2)) as running:
        yield running


def ids(text: str) -> list[str]:
    return [row["Id"] for row in csv.DictReader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("SELECT COUNT() FROM Contact", "FEATURENOTENABLED", "Aggregate Functions not supported"),
        ("SELECT MAX(CreatedDate) FROM Contact", "FEATURENOTENABLED", "Aggregate Functions not supported"),
        (
            "SELECT LeadSource FROM Contact GROUP BY LeadSource",
            "FEATURENOTENABLED",
            "Aggregate Functions not supported",
        ),
        (
            "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
            "FEATURENOTENABLED",
            "Aggregate Relationships not supported in Bulk V2 Query with CSV content type",
        ),
        ("SELECT Id FROM Contact LIMIT 5 OFFSET 2", "FEATURENOTENABLED", "OFFSET not supported"),
        ("SELECT MailingAddress FROM Contact", "API_ERROR", "Selecting compound data not supported in Bulk Query"),
        ("SELECT Nothing FROM Contact", "INVALID_FIELD", "No such column 'Nothing'"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE", "sObject type 'Nothing' is not supported"),
        ("SELECT", "MALFORMED_QUERY", ""),
    ],
)
async def test_queries_that_are_refused(http: aiohttp.ClientSession, query: str, code: str, text: str) -> None:
    (error,) = await call(http, "POST", QUERY, 400, json={"operation": "query", "query": query})
    assert error["errorCode"] == code
    assert text in error["message"]
    assert (await call(http, "GET", QUERY))["records"] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"operation": "", "query": "SELECT Id FROM Contact"}, "Invalid value: '' supplied for property: 'operation'"),
        (
            {"operation": "query", "query": "SELECT Id FROM Contact", "contentType": "JSON"},
            "Invalid value: 'JSON' supplied for property: 'contentType'",
        ),
        (
            {"operation": "query", "query": "SELECT Id FROM Contact", "columnDelimiter": 3},
            "Invalid value: '3' supplied for property: 'columnDelimiter'",
        ),
        (
            {"operation": "query", "query": "SELECT Id FROM Contact", "lineEnding": []},
            "Invalid value: '[]' supplied for property: 'lineEnding'",
        ),
    ],
)
async def test_properties_that_are_refused(http: aiohttp.ClientSession, body: dict[str, object], message: str) -> None:
    (error,) = await call(http, "POST", QUERY, 400, json=body)
    assert error == {"errorCode": "API_ERROR", "message": message}


async def test_an_answer_is_of_the_moment_of_the_query(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    path, job = await query_job(http, "SELECT Id, LastName FROM Contact")
    first = await call(http, "GET", f"{path}/results")
    org.org.load("Contact", [{"LastName": "Later"}])
    assert await call(http, "GET", f"{path}/results") == first
    assert len(ids(first)) == job["numberRecordsProcessed"] == 23
    assert (job["isPkChunkingSupported"], job["retries"]) == (True, 0)


async def test_limit_and_order(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    path, _ = await query_job(http, "SELECT Id FROM Contact ORDER BY Id DESC LIMIT 5")
    assert (
        ids(await call(http, "GET", f"{path}/results"))
        == sorted(str(one["Id"]) for one in org.org.rows("Contact"))[:-6:-1]
    )
    path, _ = await query_job(http, "SELECT Id FROM Contact LIMIT 7")
    assert len(await rows(http, f"{path}/results")) == 7


async def test_delimiter_and_line_ending(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    org.org.load("Contact", [{"LastName": 'a|"b"\nc'}])
    settings = {"columnDelimiter": "PIPE", "lineEnding": "CRLF"}
    path, _ = await query_job(http, "SELECT LastName, Title FROM Contact WHERE LastName LIKE 'a|%'", **settings)
    async with http.get(f"{path}/results") as reply:
        assert await reply.read() == b'"LastName"|"Title"\r\n"a|""b""\nc"|""\r\n'


async def test_an_empty_answer_has_a_header(http: aiohttp.ClientSession) -> None:
    path, job = await query_job(http, "SELECT Id, Name FROM Contact WHERE LastName = 'Nobody'")
    assert job["numberRecordsProcessed"] == 0
    async with http.get(f"{path}/results") as reply:
        assert await reply.text() == '"Id","Name"\n'
        assert (reply.headers["Sforce-Locator"], reply.headers["Sforce-NumberOfRecords"]) == ("null", "0")
    pages = await call(http, "GET", f"{path}/resultPages")
    assert [await call(http, "GET", one["resultLink"]) for one in pages["resultPages"]] == ['"Id","Name"\n']


async def test_parallel_pages(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    path, _ = await query_job(http, "SELECT Id FROM Contact")
    url, links = f"{path}/resultPages?maxRecords=3", []
    while url:
        page = await call(http, "GET", url)
        assert list(page) == ["resultPages", "nextRecordsUrl", "done"]
        assert page["done"] is (page["nextRecordsUrl"] is None)
        assert len(page["resultPages"]) <= 5
        links += [one["resultLink"] for one in page["resultPages"]]
        url = page["nextRecordsUrl"]
    assert len(links) == 8
    texts = await asyncio.gather(*(call(http, "GET", link) for link in reversed(links)))
    assert [len(ids(text)) for text in texts] == [2, *[3] * 7]
    assert sorted(one for text in texts for one in ids(text)) == sorted(
        str(one["Id"]) for one in org.org.rows("Contact")
    )
    await call(http, "GET", f"{path}/resultPages?locator=bm9wZQ", 400)
    await call(http, "GET", f"{path.replace('v62', 'v63')}/resultPages", 409)


async def test_older_versions_count_and_sort_columns(http: aiohttp.ClientSession) -> None:
    body = {"operation": "query", "query": "SELECT LastName, Id FROM Contact"}
    path = f"{OLD}/{(await call(http, 'POST', OLD, json=body))['id']}"
    await finished(http, path)
    async with http.get(f"{path}/results?maxRecords=10") as reply:
        assert reply.headers["Sforce-Locator"] == "10"
        assert (await reply.text()).startswith('"Id","LastName"\n')
    assert len(await rows(http, f"{path}/results?locator=10")) == 13


async def test_answers_are_compressed_for_who_takes_that(http: aiohttp.ClientSession) -> None:
    path, _ = await query_job(http, "SELECT Id FROM Contact")
    async with http.get(f"{path}/results") as reply:
        assert reply.headers["Content-Encoding"] == "gzip"
        compressed = await reply.text()
    async with http.get(f"{path}/results", headers={"Accept-Encoding": "identity"}) as reply:
        assert "Content-Encoding" not in reply.headers
        assert await reply.text() == compressed


async def test_a_truncated_page_keeps_its_head(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    path, _ = await query_job(http, "SELECT Id FROM Contact")
    org.org.plan(FaultSpec("truncated-reply", where={"path": path}, settings={"silent": True}))
    async with http.get(f"{path}/results") as reply:
        assert reply.headers["Sforce-NumberOfRecords"] == "23"
        assert len(ids(await reply.text())) == 11
    org.org.plan(FaultSpec("truncated-reply", where={"path": path}))
    with pytest.raises(aiohttp.ClientPayloadError):
        await call(http, "GET", f"{path}/results")
    assert len(await rows(http, f"{path}/results")) == 23


@pytest.mark.parametrize("offset", ["x", "-1", "1e3", "²", "9" * 12, "MTAwMDA", "===="])
async def test_locators_that_were_never_given_out(http: aiohttp.ClientSession, offset: str) -> None:
    path, _ = await query_job(http, "SELECT Id FROM Contact")
    (error,) = await call(http, "GET", f"{path}/results", 400, params={"locator": offset})
    assert error["errorCode"] == "INVALID_QUERY_LOCATOR"
