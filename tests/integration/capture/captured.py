"""Capture of one team against a simulated org that judges every query; the topics are in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg
from schemas.documents import Connection, Job, ReadRequest, Record
from schemas.events import Change, Entity, Version
from schemas.topics import SHARDS
from tests.support.waiting import until
from workers.adapters.memory.changelog import MemoryTopics
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.orgs import Orgs
from workers.capture.jobfile import post
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.core.capture.polling import SETTLED_MS
from workers.core.capture.shards import shard_of

QUICK = Pace(
    connections_seconds=0.02,
    scale=0.002,
    backoff_base_seconds=0.02,
    backoff_cap_seconds=0.2,
    query_poll_seconds=0.01,
    progress_seconds=0.02,
)
BY_BULK = replace(QUICK, rest_records=0)


class Ahead:
    """So far ahead of the org that polling does not wait for its stamps to settle."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + 3 * SETTLED_MS


@dataclass
class Captured:
    sandbox: RunningOrg
    orgs: Orgs
    connection: Connection

    def __post_init__(self) -> None:
        self.store, self.topics = memory_store(), MemoryTopics()

    @asynccontextmanager
    async def capturing(self, pace: Pace = QUICK) -> AsyncIterator[None]:
        """Until the block ends; begins once everything is read that was owed."""
        stop = asyncio.Event()
        ownership = MemoryShardOwnership(range(SHARDS))
        capture = Capture(self.store, self.orgs, self.topics.open, ownership, Ahead(), MemoryPublisher(), pace)
        running = asyncio.create_task(capture.run(stop))
        try:
            await until(self.read)
            yield
        finally:
            stop.set()
            await running

    def read(self) -> bool:
        positions = self.topics.positions[shard_of("acme")]
        return len(positions) == 3 and all(p.snapshot.state == "done" for p in positions.values())

    def commit(self, *writes: Write) -> None:
        results = self.sandbox.org.commit(list(writes), Actor(self.sandbox.org.admin_user_id, "rest", "Astro"))
        assert all(result.success for result in results), results

    def ids(self, name: str) -> list[str]:
        return [str(row["Id"]) for row in self.sandbox.org.rows(name)]

    def published(self, record_id: str) -> list[Change]:
        return [change for change in self.topics.changes if change.record_id == record_id]

    async def mirror(self, entity: Entity, *record_ids: str) -> None:
        await self.store.records.swap(
            [
                Record(team="acme", record_id=one, entity=entity, alive=True, full_version=Version(1, 0, 0))
                for one in record_ids
            ]
        )

    async def done(self, kind: str, request: ReadRequest) -> Job:
        job = Job.model_validate(
            {"team": "acme", "job_id": kind, "kind": kind, "state": "pending", "request": request, "updated_at_ms": 1}
        )
        await post(self.store.jobs, job)
        return await self.ended(kind)

    async def ended(self, job_id: str) -> Job:
        async def is_over() -> bool:
            return (await self.store.jobs.load([("acme", job_id)]))["acme", job_id].state not in ("pending", "running")

        await until(is_over)
        return (await self.store.jobs.load([("acme", job_id)]))["acme", job_id]


Start = Callable[..., Awaitable[Captured]]
