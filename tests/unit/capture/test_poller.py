"""Polling instead of a stream: nothing that changed is missed, nothing is published for ever again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.events import Change, Position, Snapshot
from tests.support.waiting import until
from workers.adapters.memory.changelog import MemoryTopics
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.salesforce import EPOCH_MS, MemoryOrg, MemoryOrgs
from workers.adapters.memory.store import memory_store
from workers.capture.committer import Committer
from workers.capture.context import Context
from workers.capture.mirror.poller import CATCH_UP_MS, Poller
from workers.capture.mirror.readings import Readings
from workers.core.capture import polling
from workers.core.capture.polling import SETTLED_MS, Window, page_of, window
from workers.core.capture.positions import OVERLAP_MS
from workers.core.capture.snapshots import instant
from workers.ports import Unavailable

from .capture_rig import QUICK, record_id

ADA, BOB, EVE = record_id(1), record_id(2), record_id(3)
START_MS = EPOCH_MS + 1_000_000


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms


class Polled:
    """One entity, polled round by round."""

    def __init__(self, readings: Readings, committer: Committer, topics: MemoryTopics, org: MemoryOrg, clock: Hand):
        self.org, self.clock, self.topics, self._committer = org, clock, topics, committer
        self.poller = Poller("contact", readings)

    def store(self, record: str, at_ms: int, **fields: Any) -> None:
        """A record as a query will find it."""
        held = self.org.recycle_bin if fields.get("IsDeleted") else self.org.rows
        self.org.rows["contact"].pop(record, None)
        held["contact"][record] = {"Id": record, "SystemModstamp": instant(at_ms), "IsDeleted": False, **fields}

    def published(self) -> list[Change]:
        return self.topics.changes

    def position(self) -> Position:
        return self._committer.position("acme", "contact")

    async def round(self, minutes: float = 1) -> int:
        self.clock.ms += round(minutes * 60_000)
        return await self.poller.round()


@pytest.fixture
async def polled() -> AsyncIterator[Polled]:
    topics, org, clock = MemoryTopics(), MemoryOrg(), Hand()
    log = await topics.open(1)
    done = Position(team="acme", entity="contact", confirmed_ms=START_MS, snapshot=Snapshot(state="done"))
    committer = Committer(log, {("acme", "contact"): done})
    context = Context(MemoryOrgs({"acme": org}), committer, memory_store(), clock, QUICK, MemoryPublisher())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(committer.run())
        readings = Readings("acme", org, context, tasks)
        yield Polled(readings, committer, topics, org, clock)
        readings.close()
        running.cancel()


async def test_what_changed_is_published_once_however_often_windows_overlap(polled: Polled) -> None:
    polled.store(ADA, START_MS + 1_000, LastName="Lovelace")
    for _ in range(4):
        await polled.round()

    assert [(c.record_id, c.kind, c.fields["LastName"]) for c in polled.published()] == [(ADA, "snapshot", "Lovelace")]
    assert polled.position().confirmed_ms == polled.clock.ms - SETTLED_MS


async def test_a_later_change_is_published_again(polled: Polled) -> None:
    polled.store(ADA, START_MS + 1_000, Title="1")
    await polled.round()
    polled.store(ADA, START_MS + 62_000, Title="2")
    await polled.round(2)
    assert [c.fields["Title"] for c in polled.published()] == ["1", "2"]


async def test_two_changes_under_one_stamp_are_not_taken_for_one(polled: Polled) -> None:
    """The first round comes between two changes of the same second, which is still going on."""
    second = polled.clock.ms + 60_000
    polled.store(ADA, second, Title="1")
    await polled.round()
    polled.store(ADA, second, Title="2")
    await polled.round()
    assert [c.fields["Title"] for c in polled.published()] == ["2"]


async def test_a_record_that_appears_late_with_an_early_stamp_is_found(polled: Polled) -> None:
    """Its transaction took nine minutes to commit."""
    polled.store(ADA, START_MS + 30_000)
    for _ in range(8):
        await polled.round()
    polled.store(BOB, START_MS + 1_000)
    await polled.round()
    assert {c.record_id for c in polled.published()} == {ADA, BOB}


async def test_deletions_come_from_the_recycle_bin(polled: Polled) -> None:
    polled.store(EVE, START_MS + 1_000, IsDeleted=True)
    await polled.round()
    assert [(c.record_id, c.kind) for c in polled.published()] == [(EVE, "delete")]


async def test_pages_of_records_that_share_a_stamp_lose_none(polled: Polled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.capture.mirror.poller.PAGE_ROWS", 3)
    monkeypatch.setattr(polling, "PAGE_ROWS", 3)
    for number in range(10):
        polled.store(record_id(number), START_MS + 1_000 + 1_000 * (number // 7))
    assert await polled.round() == 4
    assert [c.record_id for c in polled.published()] == [record_id(number) for number in range(10)]


async def test_a_round_that_fails_confirms_nothing(polled: Polled) -> None:
    polled.store(ADA, START_MS + 1_000)
    polled.org.failures["query"] = [Unavailable("503")]
    with pytest.raises(Unavailable):
        await polled.round()
    assert polled.position().confirmed_ms == START_MS
    await polled.round()
    assert [c.record_id for c in polled.published()] == [ADA]


async def test_who_is_far_behind_catches_up_by_a_reading(polled: Polled) -> None:
    polled.store(ADA, START_MS + 1_000)
    await polled.round(minutes=CATCH_UP_MS / 60_000 + 1)
    await until(lambda: polled.position().snapshot.state == "done")
    assert [c.record_id for c in polled.published()] == [ADA]
    assert polled.org.calls.count("query_create") == 1
    assert polled.position().confirmed_ms == polled.clock.ms - OVERLAP_MS


def test_the_text_of_a_page() -> None:
    first = window(1_700_000_600_000, 1_700_000_700_000)
    assert first == Window(1_700_000_000_000, 1_700_000_690_000)
    start, end = "SystemModstamp >= 2023-11-14T22:13:20.000Z", "SystemModstamp < 2023-11-14T22:24:50.000Z"
    order = "ORDER BY SystemModstamp, Id LIMIT 2000"
    select = "SELECT Id, SystemModstamp, IsDeleted, Email FROM Lead WHERE"
    assert page_of("lead", ["Email"], first) == f"{select} {start} AND {end} {order}"
    following = Window(first.since_ms, first.until_ms, "2023-11-14T22:20:00.000+0000", "00Q")
    stamp = "2023-11-14T22:20:00.000Z"
    rest = f"(SystemModstamp = {stamp} AND Id > '00Q') OR (SystemModstamp > {stamp} AND {end})"
    assert page_of("lead", ["Email"], following) == f"{select} {rest} {order}"
