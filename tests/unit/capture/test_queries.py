"""The pages of a query job, one ahead."""

from __future__ import annotations

import asyncio

import pytest

from workers.adapters.memory.salesforce import MemoryOrg
from workers.capture.mirror.queries import Pages, QueryFailed, all_ids, completed
from workers.ports import IngestState, Unavailable

from .capture_rig import QUICK, record_id

SOQL = "SELECT Id FROM Contact ORDER BY Id"


@pytest.fixture
async def org() -> MemoryOrg:
    org = MemoryOrg(page_rows=2)
    for number in range(5):
        await org.write("contact", [record_id(number)], {}, "CREATE")
    return org


async def test_the_next_page_is_fetched_before_it_is_asked_for(org: MemoryOrg) -> None:
    pages = Pages(org, await org.query_create(SOQL))
    first = await pages.page(None)
    await asyncio.sleep(0)
    assert org.calls.count("query_page") == 2
    second = await pages.page(first.locator)
    last = await pages.page(second.locator)
    rows = [row["Id"] for page in (first, second, last) for row in page.rows]
    assert rows == [record_id(number) for number in range(5)]
    assert org.calls.count("query_page") == 3
    await pages.close()


async def test_a_page_ahead_that_failed_fails_who_asks_for_it_and_is_asked_for_anew(org: MemoryOrg) -> None:
    pages = Pages(org, await org.query_create(SOQL))
    first = await pages.page(None)
    org.failures["query_page"] = [Unavailable("503")]
    with pytest.raises(Unavailable):
        await pages.page(first.locator)
    assert [row["Id"] for row in (await pages.page(first.locator)).rows] == [record_id(2), record_id(3)]
    await pages.close()


async def test_a_page_ahead_of_which_nobody_wants_the_failure_is_forgotten(org: MemoryOrg) -> None:
    pages = Pages(org, await org.query_create(SOQL))
    await pages.page(None)
    org.failures["query_page"] = [Unavailable("503")]
    await asyncio.sleep(0)
    await pages.close()


async def test_all_ids(org: MemoryOrg) -> None:
    assert [each async for each in all_ids(org, "contact", QUICK)] == [record_id(number) for number in range(5)]


async def test_a_job_that_failed(org: MemoryOrg) -> None:
    org.query_outcome = IngestState("Failed", 0, 0, "QUERY_TIMEOUT")
    with pytest.raises(QueryFailed, match="QUERY_TIMEOUT"):
        await completed(org, await org.query_create(SOQL), QUICK)
