"""What became of the scores: `GET /v1/teams/{team}/writeback/runs`, one of them, its rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from schemas.reports import RowReport
from workers.adapters.scores_api.queries import BadQuery, RowsQuery, RunsQuery
from workers.adapters.scores_api.replies import RETRY_AFTER, refusal
from workers.core.writeback.tables import header, lines
from workers.ports import RowsWanted, RunReports, Unavailable

CSV = "text/csv"

CSV_PAGE_ROWS = 1000

DOWNLOADS_AT_ONCE = 4
"""A table of a million rows keeps a connection busy for minutes; the other requests are not to wait for it."""

LINES_SECONDS = 30.0
"""For taking one page of a table: whoever is slower keeps a place that others wait for."""


class Runs:
    def __init__(self, reports: RunReports) -> None:
        self._reports = reports
        self._downloads = asyncio.Semaphore(DOWNLOADS_AT_ONCE)

    async def all(self, request: web.Request) -> web.Response:
        try:
            query = RunsQuery.of(request)
        except BadQuery as error:
            return refusal(400, str(error))
        found = await self._reports.runs(request.match_info["team"], query.before, query.limit + 1)
        page, last = found[: query.limit], found[query.limit - 1 : query.limit]
        more = f"{last[0].started_at_ms}:{last[0].run_id}" if len(found) > query.limit else None
        return web.json_response({"runs": [each.model_dump(mode="json") for each in page], "next": more})

    async def one(self, request: web.Request) -> web.Response:
        found = await self._reports.run(request.match_info["team"], request.match_info["run"])
        return _unknown() if found is None else web.json_response(found.model_dump(mode="json"))

    async def rows(self, request: web.Request) -> web.StreamResponse:
        try:
            query = RowsQuery.of(request)
        except BadQuery as error:
            return refusal(400, str(error))
        team, run = request.match_info["team"], request.match_info["run"]
        if not await self._reports.exists(team, run):
            return _unknown()
        wanted = RowsWanted(query.outcome, query.code, query.record)
        if CSV in request.headers.get("Accept", ""):
            return await self._table(request, wanted)
        found = await self._reports.rows(team, run, wanted, query.page or "", query.limit + 1)
        page = found[: query.limit]
        more = page[-1].record_id if len(found) > query.limit else None
        return web.json_response({"rows": [each.model_dump(mode="json") for each in page], "next": more})

    async def _table(self, request: web.Request, wanted: RowsWanted) -> web.StreamResponse:
        """All rows, page by page as the client takes them."""
        if self._downloads.locked():
            return refusal(503, "too many tables are being fetched: try again", RETRY_AFTER)
        async with self._downloads:
            pages = self._pages(request.match_info["team"], request.match_info["run"], wanted)
            first: list[RowReport] = await anext(pages, [])
            reply = web.StreamResponse(headers={"Content-Type": f"{CSV}; charset=utf-8"})
            await reply.prepare(request)
            try:
                await _write(reply, header() + lines(first))
                async for page in pages:
                    await _write(reply, lines(page))
            except (Unavailable, TimeoutError):
                _break(request)
            return reply

    async def _pages(self, team: str, run: str, wanted: RowsWanted) -> AsyncIterator[list[RowReport]]:
        after = ""
        while page := await self._reports.rows(team, run, wanted, after, CSV_PAGE_ROWS):
            yield page
            after = page[-1].record_id


async def _write(reply: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(LINES_SECONDS):
        await reply.write(text.encode())


def _break(request: web.Request) -> None:
    """The answer is under way: only a connection that ends before it tells the client that a part is not all."""
    if request.transport is not None:
        request.transport.abort()


def _unknown() -> web.Response:
    return refusal(404, "the team has no such run")
