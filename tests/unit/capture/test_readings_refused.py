"""An entity that the org does not let us read: that one waits and says so, everything else goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from schemas.documents import ReadRequest
from schemas.events import Position
from schemas.topics import SHARDS
from tests.support.waiting import until
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.console.jobs import request_backfill
from workers.core.capture.session_machine import Refusal
from workers.ports import Page

from .capture_rig import QUICK, Rig, record_id

ADA, LEAD = record_id(1), record_id(1, "00Q")


@pytest.fixture
async def rig() -> Rig:
    rig = Rig()
    await rig.connect()
    await rig.org.write("contact", [ADA], {"LastName": "Ada"}, "CREATE")
    await rig.org.write("lead", [LEAD], {"LastName": "Lead"}, "CREATE")
    return rig


def read_whole(position: Position | None) -> bool:
    return position is not None and position.snapshot.state == "done"


async def test_an_import_that_is_refused_waits_alone_and_goes_on_once_it_may(rig: Rig) -> None:
    rig.org.unreadable = {"lead"}
    async with rig.running():
        await until(lambda: rig.state("lead") == "forbidden")
        await until(lambda: read_whole(rig.position("contact")) and read_whole(rig.position("account")))
        status = rig.status("lead")
        assert status is not None
        assert "INVALID_TYPE" in status.reason
        assert rig.state("contact") == "streaming"
        assert (await rig.stored_connection()).state == "active"
        await rig.org.write("contact", [ADA], {"Title": "streams"})
        await rig.org.write("lead", [LEAD], {"Title": "streams too"})
        await until(lambda: rig.titles() == ["streams", "streams too"])
        rig.org.unreadable = set()
        await until(rig.imported)
        await until(lambda: rig.state("lead") == "streaming")

    assert len(rig.org.subscriptions) == 1, "the session has never ended"


async def test_what_an_event_wants_read_again_is_owed_while_it_is_refused(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        rig.org.unreadable = {"contact"}
        await rig.org.write("contact", [ADA], {"Title": "not told"}, "GAP_UPDATE")
        await rig.org.write("lead", [LEAD], {"Title": "streams"})
        await until(lambda: rig.titles() == ["streams"])
        await until(lambda: rig.state() == "forbidden")
    rig.org.unreadable = set()
    async with rig.running(rig.process(MemoryShardOwnership(range(SHARDS)))):
        await until(rig.imported)

    assert rig.published("snapshot")[-1].fields["Title"] == "not told", "the position knew it, in another process too"


async def test_polling_that_is_refused_says_so_and_goes_on_once_it_may(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
    rig.org.refused_channels = {"lead": Refusal("forbidden", "select Lead")}
    rig.org.unreadable = {"lead"}
    rig.capture = rig.process(MemoryShardOwnership(range(SHARDS)))
    async with rig.running():
        await until(lambda: (status := rig.status("lead")) is not None and "INVALID_TYPE" in status.reason)
        status = rig.status("lead")
        assert status is not None
        assert status.reason.startswith("select Lead")
        rig.org.unreadable = set()
        await rig.org.write("lead", [LEAD], {"Title": "polled"})
        await until(lambda: any(change.fields.get("Title") == "polled" for change in rig.published()))


async def test_a_backfill_does_not_wait_for_the_next_attempt() -> None:
    rig = Rig(pace=replace(QUICK, scale=1.0))  # 300 s and more between two attempts
    await rig.connect()
    rig.org.unreadable = {"lead"}
    async with rig.running():
        await until(lambda: rig.state("lead") == "forbidden")
        rig.org.unreadable = set()
        asked = await request_backfill(rig.store.jobs, "acme", ReadRequest(entity="lead"), now_ms=7)
        assert (await rig.ended(asked.job_id)).state == "done"
        assert rig.imported()


async def test_an_overflow_during_a_reading_is_not_taken_for_read_by_its_last_page(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_page, asked = asyncio.Event(), asyncio.Event()
    read = rig.org.query_page

    async def held(job_id: str, locator: str | None) -> Page:
        page = await read(job_id, locator)
        asked.set()
        await last_page.wait()
        return page

    monkeypatch.setattr(rig.org, "query_page", held)
    async with rig.running():
        await asked.wait()
        await rig.org.write("contact", [ADA], {}, "GAP_OVERFLOW")
        await until(lambda: (found := rig.position()) is not None and found.snapshot.sweep)
        rig.org.rows["contact"][ADA]["Title"] = "lost with the overflow"
        last_page.set()
        await until(rig.imported)

    titles = [c.fields.get("Title") for c in rig.published("snapshot") if c.record_id == ADA]
    assert titles[-1] == "lost with the overflow"
