"""Bulk query jobs: waiting for them, and what is read in one go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from schemas.events import Entity
from workers.capture.allowance import within_budget
from workers.capture.pace import Pace
from workers.core.normalize import OBJECTS
from workers.ports import IngestState, Page, SalesforceOrg

COMPLETE = "JobComplete"
ENDED = frozenset({"Failed", "Aborted"})


class QueryFailed(Exception):
    """Salesforce gave a query job up: it must be created again."""


async def completed(org: SalesforceOrg, job_id: str, pace: Pace) -> IngestState:
    """Wait until Salesforce has collected the results. Raises QueryFailed."""
    wait_seconds = pace.query_poll_seconds
    while (state := await org.query_state(job_id)).state != COMPLETE:
        if state.state in ENDED:
            raise QueryFailed(f"Salesforce's Bulk query {job_id} {state.state}: {state.error}")
        await asyncio.sleep(wait_seconds)
        wait_seconds = min(wait_seconds * 1.5, pace.query_poll_cap_seconds)
    return state


class Pages:
    """The result of one query job, page by page; while one is being committed the next is on its way."""

    def __init__(self, org: SalesforceOrg, job_id: str) -> None:
        self._org = org
        self.job_id = job_id
        self._ahead: tuple[str, asyncio.Task[Page]] | None = None

    async def page(self, locator: str | None) -> Page:
        page = await self._arriving(locator)
        if page.locator is not None:
            self._ahead = (page.locator, asyncio.create_task(self._org.query_page(self.job_id, page.locator)))
        return page

    async def close(self) -> None:
        if self._ahead is not None:
            await _discard(self._ahead[1])
            self._ahead = None

    async def _arriving(self, locator: str | None) -> Page:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == locator:
            return await ahead[1]
        if ahead is not None:
            await _discard(ahead[1])
        return await self._org.query_page(self.job_id, locator)


async def _discard(task: asyncio.Task[Page]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # of a page that nobody wants any more


def all_ids(org: SalesforceOrg, entity: Entity, pace: Pace) -> AsyncIterator[str]:
    """Of the records that are not deleted. Raises QueryFailed."""
    return query_ids(org, f"SELECT Id FROM {OBJECTS[entity]}", pace)  # noqa: S608 - one of three names


async def query_ids(org: SalesforceOrg, soql: str, pace: Pace) -> AsyncIterator[str]:
    """The Id of each row of a Bulk query. Raises QueryFailed."""
    job_id = await org.query_create(soql)
    await completed(org, job_id, pace)
    locator: str | None = None
    while True:
        await within_budget(org, pace)
        page = await org.query_page(job_id, locator)
        for row in page.rows:
            yield row["Id"]
        if (locator := page.locator) is None:
            return
