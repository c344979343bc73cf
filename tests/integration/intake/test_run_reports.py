"""Reports of write-back runs and their rows, read over HTTP."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import aiohttp
import pytest

from schemas.documents import WritebackRow, WritebackRun
from schemas.reports import RowReport, RunReport
from tests.support.waiting import until
from tests.support.writeback_rows import keep_rows
from workers.adapters.scores_api import runs as served_runs
from workers.console.run_reports import Reports
from workers.ports import RowsWanted, RunReports, Unavailable

from .api_rig import NOW_MS, Api, served

RULE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
ROWS = 7
REJECTED = 2
"""Every third row, from the third on."""


def record_id(number: int) -> str:
    return f"003{number:012d}AAA"


def row(run_id: str, number: int, **given: Any) -> WritebackRow:
    plain = {"team": "acme", "entity": "contact", "score": -1.5, "last_engagement_date": "2026-11-01"}
    rejected = {"outcome": "rejected", "code": RULE, "error": f"{RULE}:=no:Score__c --"}
    usual = rejected if number % 3 == 2 else {"outcome": "accepted"}
    return WritebackRow.model_validate({**plain, **usual, "run_id": run_id, "record_id": record_id(number), **given})


@pytest.fixture
async def day(api: Api) -> Api:
    """Two runs that have ended, and one of another team."""
    figures = {"state": "done", "planned": ROWS, "accepted": 5, "rejected": REJECTED, "rejections": {RULE: REJECTED}}
    await api.store.writeback_runs.swap(
        [
            WritebackRun(team=team, run_id=run_id, started_at_ms=at_ms, finished_at_ms=at_ms + 1_500, **figures)
            for team, run_id, at_ms in (
                ("acme", "2026-11-22", NOW_MS),
                ("acme", "2026-11-22-9", NOW_MS + 5),
                ("other", "2026-11-21", NOW_MS),
            )
        ]
    )
    await keep_rows(api.store, [*(row("2026-11-22", n) for n in range(ROWS)), row("2026-11-22-9", 9)])
    return api


async def every(api: Api, path: str, of: str, **query: str) -> tuple[list[dict[str, Any]], int]:
    """All pages of it, and how many there were."""
    found: list[dict[str, Any]] = []
    pages = 0
    page: dict[str, str] = {}
    while True:
        status, told = await api.get(path, **query, **page)
        assert status == 200, told
        found += told[of]
        pages += 1
        if told["next"] is None:
            return found, pages
        page = {"page": told["next"]}


async def test_the_runs_of_the_team_latest_first(day: Api) -> None:
    for limit, pages in (("1", 2), ("2", 1), ("30", 1)):
        found, asked = await every(day, "runs", "runs", limit=limit)
        assert ([run["run_id"] for run in found], asked) == (["2026-11-22-9", "2026-11-22"], pages)


async def test_all_figures_of_a_run(day: Api) -> None:
    status, told = await day.get("runs/2026-11-22")
    assert status == 200
    report = RunReport.model_validate(told)
    assert (report.planned, report.accepted, report.rejected, report.duration_ms) == (ROWS, 5, REJECTED, 1_500)
    assert report.remedies[RULE].startswith("exempt the connected user")
    for unknown in ("2026-11-21", "2026-11-23", "..%2Fx", "%00"):
        assert await day.get(f"runs/{unknown}") == (404, {"error": "the team has no such run"})
        assert (await day.get(f"runs/{unknown}/rows"))[0] == 404


async def test_the_rows_of_a_run_page_by_page(day: Api) -> None:
    for limit, pages in (("1", 7), ("3", 3), ("7", 1), ("200", 1)):
        found, asked = await every(day, "runs/2026-11-22/rows", "rows", limit=limit)
        assert ([each["record_id"] for each in found], asked) == ([record_id(n) for n in range(ROWS)], pages)
    assert RowReport.model_validate(found[2]).remedy.startswith("exempt")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"outcome": "rejected"}, [2, 5]),
        ({"code": RULE}, [2, 5]),
        ({"outcome": "accepted", "code": RULE}, []),
        ({"record": record_id(5)}, [5]),
        ({"record": record_id(5)[:15], "outcome": "rejected"}, [5]),
        ({"record": record_id(5), "outcome": "accepted"}, []),
        ({"outcome": "postponed"}, []),
    ],
)
async def test_rows_by_outcome_code_and_record(day: Api, query: dict[str, str], numbers: list[int]) -> None:
    found, _ = await every(day, "runs/2026-11-22/rows", "rows", limit="1", **query)
    assert [each["record_id"] for each in found] == [record_id(n) for n in numbers]


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("runs", {"limit": "0"}, "limit: input should be greater than or equal to 1"),
        ("runs", {"limit": "101"}, "limit: input should be less than or equal to 100"),
        ("runs", {"limit": "many"}, "limit: "),
        ("runs", {"page": "yesterday"}, "page: "),
        ("runs", {"outcome": "rejected"}, "outcome: there is no such parameter"),
        ("runs/2026-11-22/rows", {"outcom": "rejected"}, "outcom: there is no such parameter"),
        ("runs/2026-11-22/rows", {"outcome": "lost"}, "outcome: input should be 'planned', 'accepted'"),
        ("runs/2026-11-22/rows", {"record": "ada@acme.com"}, "record: 'ada@acme.com' is not a record id"),
        ("runs/2026-11-22/rows", {"page": "2"}, "page: "),
        ("runs/2026-11-22/rows", {"code": "x" * 121}, "code: "),
    ],
)
async def test_a_wrong_parameter_is_named(day: Api, path: str, query: dict[str, str], said: str) -> None:
    status, told = await day.get(path, **query)
    assert status == 400
    assert told["error"].startswith(said)


async def test_a_parameter_given_twice_is_refused(day: Api) -> None:
    headers = {"Authorization": f"Bearer {day.reading}"}
    address = f"{day.base}/v1/teams/acme/writeback/runs?limit=1&limit=2"
    async with day.session.get(address, headers=headers) as reply:
        assert (reply.status, await reply.json()) == (400, {"error": "limit: given twice"})


@pytest.mark.parametrize("path", ["runs", "runs/2026-11-22", "runs/2026-11-22/rows"])
async def test_nobody_else_reads(day: Api, path: str) -> None:
    assert await day.get(path, token="sst.0a1b2c3d." + "x" * 43) == (401, {"error": "no valid token for this team"})
    status, told = await day.get(path, token=day.token)
    assert (status, told) == (403, {"error": "the token has not the scope writeback:read"})
    other = f"{day.base}/v1/teams/other/writeback/{path}"
    async with day.session.get(other, headers={"Authorization": f"Bearer {day.reading}"}) as reply:
        assert reply.status == 401


@pytest.mark.parametrize("page_rows", [1, 2, 1000])
async def test_all_rows_as_a_table(day: Api, monkeypatch: pytest.MonkeyPatch, page_rows: int) -> None:
    monkeypatch.setattr(served_runs, "CSV_PAGE_ROWS", page_rows)
    async with day.table("runs/2026-11-22/rows") as reply:
        assert reply.content_type == "text/csv"
        told = list(csv.DictReader(io.StringIO(await reply.text(), newline="")))
    assert [each["record_id"] for each in told] == [record_id(n) for n in range(ROWS)]
    assert (told[2]["outcome"], told[2]["score"], told[2]["error"]) == ("rejected", "-1.5", f"{RULE}:=no:Score__c --")
    async with day.table("runs/2026-11-22/rows", outcome="kept") as reply:
        assert len((await reply.text()).splitlines()) == 1


class Faltering(Reports):
    """The store goes away after the first page, or answers when it is told to."""

    def __init__(self, api: Api, slow: asyncio.Event | None = None) -> None:
        super().__init__(api.store)
        self.asked = 0
        self.slow = slow or asyncio.Event()
        self._falls = slow is None

    async def rows(self, team: str, run_id: str, wanted: RowsWanted, after: str, limit: int) -> list[RowReport]:
        self.asked += 1
        if not self._falls:
            await self.slow.wait()
        elif self.asked == 2:
            raise Unavailable("MongoDB does not answer")
        return await super().rows(team, run_id, wanted, after, limit)


async def test_a_table_that_cannot_be_finished_is_no_whole_one(day: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_runs, "CSV_PAGE_ROWS", 2)
    reports: RunReports = Faltering(day)
    async with served(reports) as broken:
        async with broken.table("runs/2026-11-22/rows") as reply:
            with pytest.raises(aiohttp.ClientPayloadError):
                await reply.text()
        status, told = await broken.get("runs/2026-11-22/rows")
        assert (status, len(told["rows"])) == (200, ROWS)


async def test_a_store_that_does_not_answer_is_told(day: Api) -> None:
    reports = Faltering(day)
    reports.asked = 1
    async with served(reports) as broken, broken.table("runs/2026-11-22/rows") as reply:
        assert (reply.status, await reply.json()) == (503, {"error": "MongoDB does not answer: try again"})
        assert reply.headers["Retry-After"] == "5"


async def test_few_tables_are_made_at_once(day: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_runs, "DOWNLOADS_AT_ONCE", 1)
    reports = Faltering(day, slow=asyncio.Event())
    async with served(reports) as busy:
        first = asyncio.ensure_future(busy.table("runs/2026-11-22/rows"))
        await until(lambda: reports.asked == 1)
        async with busy.table("runs/2026-11-22/rows") as reply:
            assert (reply.status, reports.asked) == (503, 1)
        async with busy.table("runs/2026-11-22") as reply:
            assert reply.status == 200, "the others do not wait"
        reports.slow.set()
        (await first).release()
