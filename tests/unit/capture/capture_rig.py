"""A whole capture process in memory: store, change topics, orgs, shards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from schemas.documents import Connection, Job, Record
from schemas.events import Change, Entity, Position, Version
from schemas.topics import SHARDS
from tests.support.waiting import until
from workers.adapters.memory.changelog import MemoryTopics
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.salesforce import EPOCH_MS, MemoryOrg, MemoryOrgs
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.adapters.memory.store import memory_store
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.core.capture.channel_status import ChannelStatus
from workers.core.capture.shards import shard_of
from workers.core.normalize import OBJECTS

QUICK = Pace(
    connections_seconds=0.005,
    lists_seconds=0.005,
    backoff_base_seconds=0.001,
    backoff_cap_seconds=0.01,
    failed_query_cap_seconds=0.01,
    rest_records=0,
    budget_seconds=0.001,
    survivors_seconds=0.005,
    query_poll_seconds=0.001,
    query_poll_cap_seconds=0.002,
    progress_seconds=0.001,
    fenced_seconds=0.02,
    scale=0.002,
)
DEADLINE_SECONDS = 10.0


def record_id(number: int, prefix: str = "003") -> str:
    return f"{prefix}{number:012d}AAA"


class Ticks:
    """A clock that never stands still, near that of the orgs."""

    def __init__(self) -> None:
        self._now_ms = EPOCH_MS - 1
        self._passed_ms = 0

    @property
    def asked(self) -> int:
        return self._now_ms - EPOCH_MS + 1

    def now_ms(self) -> int:
        self._now_ms += 1
        return self._passed_ms + self._now_ms

    def pass_ms(self, duration_ms: int) -> None:
        self._passed_ms += duration_ms


def connection(team: str, **changed: Any) -> Connection:
    return Connection(
        team=team,
        org_id=f"org-of-{team}",
        instance_url="https://acme.my.salesforce.com",
        login_url="https://login.salesforce.com",
        client_id="client",
        grant="client_credentials",
        secret="ciphertext",
        connected_at_ms=1,
    ).model_copy(update=changed)


class Rig:
    def __init__(self, teams: Iterable[str] = ("acme",), pace: Pace = QUICK) -> None:
        self.pace = pace
        self.ticks = Ticks()
        self.store = memory_store()
        self.topics = MemoryTopics()
        self.publisher = MemoryPublisher()
        self.orgs = MemoryOrgs({team: MemoryOrg() for team in teams})
        self.ownership = MemoryShardOwnership(range(SHARDS))
        self.capture = self.process()

    def process(self, ownership: MemoryShardOwnership | None = None) -> Capture:
        shards = ownership or self.ownership
        return Capture(self.store, self.orgs, self.topics.open, shards, self.ticks, self.publisher, self.pace)

    @property
    def org(self) -> MemoryOrg:
        return self.orgs.orgs["acme"]

    async def connect(self, team: str = "acme", **changed: Any) -> None:
        assert not await self.store.connections.swap([connection(team, **changed)])

    @asynccontextmanager
    async def running(self, capture: Capture | None = None) -> AsyncIterator[None]:
        """Runs until the block ends, then asks to stop; whatever ended the process is raised."""
        stop = asyncio.Event()
        task = asyncio.create_task((capture or self.capture).run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    def position(self, entity: Entity = "contact", team: str = "acme") -> Position | None:
        return self.topics.positions[shard_of(team)].get((team, entity))

    def imported(self, team: str = "acme") -> bool:
        positions = [self.position(entity, team) for entity in ("contact", "lead", "account")]
        return all(position is not None and position.snapshot.state == "done" for position in positions)

    def streaming(self, times: int = 1, team: str = "acme") -> bool:
        return len(self.orgs.orgs[team].subscriptions) >= times and self.imported(team)

    def published(self, kind: str | None = None) -> list[Change]:
        return [change for change in self.topics.changes if kind in (None, change.kind)]

    def status(self, entity: Entity = "contact", team: str = "acme") -> ChannelStatus | None:
        return next((one for one in self.capture.statuses() if (one.team, one.entity) == (team, entity)), None)

    def state(self, entity: Entity = "contact", team: str = "acme") -> str:
        status = self.status(entity, team)
        return status.state if status else ""

    def reads(self, entity: Entity = "contact") -> list[str]:
        """The queries of the entity that brought rows, in order."""
        return [soql for soql in self.org.queries if f"FROM {OBJECTS[entity]}" in soql and "count()" not in soql]

    def titles(self) -> list[Any]:
        """The Title of each published update, in order."""
        return [change.fields.get("Title") for change in self.published("update")]

    def looked(self, times: int) -> Callable[[], bool]:
        """Whether from now on the process has asked so often what time it is: at each look at its lists it does."""
        asked = self.ticks.asked
        return lambda: self.ticks.asked >= asked + times

    async def job(self, team: str = "acme", job_id: str = "import") -> Job | None:
        return (await self.store.jobs.load([(team, job_id)])).get((team, job_id))

    async def job_ended(self, job_id: str) -> bool:
        job = await self.job(job_id=job_id)
        return job is not None and job.state not in ("pending", "running")

    async def has_done(self, job_id: str, number: int) -> bool:
        job = await self.job(job_id=job_id)
        return job is not None and job.done == number

    async def ended(self, job_id: str) -> Job:
        await until(lambda: self.job_ended(job_id))
        job = await self.job(job_id=job_id)
        assert job is not None
        return job

    async def mirror(self, entity: Entity, *record_ids: str, at_ms: int = EPOCH_MS) -> None:
        """Records that routing has stored."""
        version = Version(at_ms, 0, 0)
        await self.store.records.swap(
            [Record(team="acme", record_id=one, entity=entity, alive=True, full_version=version) for one in record_ids]
        )

    async def job_is_done(self) -> bool:
        job = await self.job()
        return job is not None and job.state == "done"

    async def is_refused(self, team: str = "acme") -> bool:
        return (await self.stored_connection(team)).state != "active"

    async def stored_connection(self, team: str = "acme") -> Connection:
        return (await self.store.connections.load([(team, team)]))[team, team]
