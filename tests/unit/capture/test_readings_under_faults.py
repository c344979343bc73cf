"""Readings, streams and faults at random times: in the end the published changes come to what the org holds."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import Any

import pytest

from schemas.documents import Record
from schemas.events import Change
from tests.support.waiting import until
from workers.adapters.memory.salesforce import EPOCH_MS, FIELDS, MemoryOrg
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.core.capture.snapshots import instant
from workers.core.merge import blank, merge
from workers.core.normalize import NEVER_IN_EVENTS
from workers.ports import Refused, Unavailable

from .capture_rig import Rig, record_id

SEEDS = range(20)
STEPS = 60
RECORDS = 30
COMPARED = [info.name for info in FIELDS["contact"] if info.name not in NEVER_IN_EVENTS]


def folded(changes: list[Change]) -> dict[str, dict[str, Any]]:
    """The living records of a mirror that got these changes, with the fields that are not empty."""
    records: dict[str, Record] = {}
    for change in changes:
        if change.entity == "contact":
            records[change.record_id] = merge(records.get(change.record_id) or blank(change), change)
    return {
        record_id: {name: value for name, value in record.fields.items() if name in COMPARED}
        for record_id, record in records.items()
        if record.alive and record.full_version is not None
    }


def held(org: MemoryOrg) -> dict[str, dict[str, Any]]:
    return {
        record_id: {name: row[name] for name in COMPARED if row.get(name) is not None}
        for record_id, row in org.rows["contact"].items()
    }


class Chaos:
    def __init__(self, rig: Rig, seed: int) -> None:
        self.rig, self.org, self.random = rig, rig.org, random.Random(seed)
        self.seen: dict[str, int] = defaultdict(int)

    async def step(self, number: int) -> None:
        acts = (self.edit, self.edit, self.edit, self.gap, self.delete, self.fault, self.fault)
        await self.random.choice(acts)(number)
        await asyncio.sleep(0.001 * self.random.randrange(3))

    async def edit(self, number: int) -> None:
        record = record_id(self.random.randrange(RECORDS))
        kind = "UPDATE" if record in self.org.rows["contact"] else "CREATE"
        await self.org.write("contact", [record], {"Title": f"T{number}", "LastName": "Name"}, kind)

    async def gap(self, number: int) -> None:
        if living := sorted(self.org.rows["contact"]):
            ids = self.random.sample(living, min(3, len(living)))
            await self.org.write("contact", ids, {"Title": f"gap {number}"}, "GAP_UPDATE")

    async def delete(self, number: int) -> None:
        if living := sorted(self.org.rows["contact"]):
            await self.org.write("contact", [self.random.choice(living)], {}, "DELETE")

    async def overflow(self, number: int) -> None:
        """Many records change at once, and one event says no more than that."""
        stamp = instant(EPOCH_MS + 1000 * (self.org._commits + 1))
        for row in self.org.rows["contact"].values():
            row |= {"Title": f"overflow {number}", "SystemModstamp": stamp}
        await self.org.write("contact", ["000000000000000AAA"], {}, "GAP_OVERFLOW")
        del self.org.rows["contact"]["000000000000000AAA"]

    async def fault(self, number: int) -> None:
        name = self.random.choice(("stream", "replay", "page", "lost job", "commit", "query", "records", "overflow"))
        self.seen[name] += 1
        match name:
            case "stream":
                await self.org.break_stream(Unavailable("lost"))
            case "replay":
                self.org.first_replay_id["contact"] = 3 * len(self.org.events_sent) + 1
                await self.org.break_stream(Unavailable("lost"))
            case "lost job":
                self.org.failures.setdefault("query_page", []).append(Refused("INVALID_QUERY_LOCATOR"))
            case "commit":
                self.rig.topics.failures.append(Unavailable("commit timed out"))
            case "overflow":
                await self.overflow(number)
            case _:
                call = {"page": "query_page", "query": "query_create", "records": "records"}[name]
                self.org.failures.setdefault(call, []).append(Unavailable("503"))


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_the_mirror_comes_to_what_the_org_holds(seed: int) -> None:
    rig = Rig()
    await rig.connect()
    chaos = Chaos(rig, seed)
    for number in range(RECORDS // 2):
        await chaos.edit(number)
    processes = chaos.random.randrange(1, 4)
    for _ in range(processes):
        async with rig.running(rig.process(MemoryShardOwnership(range(64)))):
            for number in range(STEPS // processes):
                await chaos.step(number)
    rig.org.failures.clear()
    rig.topics.failures.clear()
    async with rig.running(rig.process(MemoryShardOwnership(range(64)))):
        await chaos.edit(STEPS)
        await until(lambda: rig.imported() and folded(rig.topics.changes) == held(rig.org))

    assert (await rig.stored_connection()).state == "active"
