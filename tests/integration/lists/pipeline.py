"""A simulated org on the wire, with its capture and its routing in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg
from schemas.documents import Connection, Destination, Job, ListDefinition, Record, RuleSet
from schemas.events import Entity
from schemas.topics import SHARDS
from tests.support.waiting import until
from workers.adapters.memory.changelog import MemoryTopics
from workers.adapters.memory.documents import MemoryDocuments
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.orgs import Orgs
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.console.lists import define_list, request_comparison
from workers.console.rules import adding_rule
from workers.ports import Clock, Store
from workers.runtime.apply import Applier
from workers.runtime.edits import By, edit_rule_set, rule_set_of
from workers.runtime.reapply import Reapplier

QUICK = Pace(
    connections_seconds=0.02,
    lists_seconds=0.02,
    list_interval_seconds=1e6,  # only those that the tests ask for
    backoff_base_seconds=0.02,
    backoff_cap_seconds=0.2,
    survivors_seconds=0.05,
    query_poll_seconds=0.01,
    progress_seconds=0.02,
)
DONE = ("done", "failed")


class AnHourAhead:
    """No change of the org is so young that it may still be on its way."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + 3_600_000


@dataclass
class Pipeline:
    """An org, its capture and its routing."""

    sandbox: RunningOrg
    orgs: Orgs
    connection: Connection
    store: Store
    topics: MemoryTopics = field(default_factory=MemoryTopics)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)

    @asynccontextmanager
    async def running(self, pace: Pace = QUICK, clock: Clock | None = None) -> AsyncIterator[None]:
        clock, stop = clock or AnHourAhead(), asyncio.Event()
        ownership = MemoryShardOwnership(range(SHARDS))
        capture = Capture(self.store, self.orgs, self.topics.open, ownership, clock, self.publisher, pace)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(capture.run(stop))
            routing = tasks.create_task(self._route(Applier(self.store, self.publisher, clock)))
            yield
            stop.set()
            await running
            routing.cancel()

    async def _route(self, applier: Applier) -> None:
        changes, commands = 0, 0
        reapplier = Reapplier(self.store, self.publisher)
        while True:
            some, others = self.topics.changes[changes:], self.publisher.published_reevaluations[commands:]
            changes, commands = changes + len(some), commands + len(others)
            await applier.apply([*some, *others])
            await reapplier.look(0)
            await asyncio.sleep(0.01)

    def records(self) -> list[Record]:
        assert isinstance(self.store.records, MemoryDocuments)
        return list(self.store.records.all("acme"))

    def people(self, segment: str = "theirs") -> set[str]:
        """In the segment."""
        assert isinstance(self.store.people, MemoryDocuments)
        return {person.key for person in self.store.people.all("acme") if segment in person.segments}

    async def in_org(self, list_id: str) -> set[str]:
        """E-mail addresses of whom the org's own query engine puts into the list, but for invalid ones of the samples
        (`b.levy@expressl&t.net`)."""
        rows = {str(row["Id"]): row for each in ("Contact", "Lead") for row in self.sandbox.org.rows(each)}
        ids = await self.admin("get", f"/__admin__/listviews/{list_id}/members")
        return {str(email).lower() for each in ids if (email := rows[each].get("Email")) and "&" not in str(email)}

    async def agree(self, list_id: str) -> None:
        async def agreed() -> bool:
            return self.people() == await self.in_org(list_id)

        await until(agreed)

    async def admin(self, method: str, path: str, **body: Any) -> Any:
        async with (
            open_session() as session,
            session.request(method, self.sandbox.base_url + path, json=body or None) as reply,
        ):
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def list_of(self, where: dict[str, Any], **given: Any) -> str:
        """Make a list, or define it anew."""
        made = await self.admin(
            "post",
            "/__admin__/listviews",
            where=where,
            **{"object": "Contact", "label": "Theirs", "developerName": "Theirs", **given},
        )
        return str(made["id"])

    async def use(self, entity: Entity = "contact", name: str = "Theirs", segment: str = "theirs") -> ListDefinition:
        """A rule that feeds the segment."""
        definition = await define_list(self.orgs.org(self.connection), entity, name, 1)
        destination = Destination(kind="segment", segment_id=segment)
        by = By("ann", AnHourAhead().now_ms())
        await edit_rule_set(self.store, "acme", adding_rule(entity, [definition], destination, by), by)
        return definition

    async def compare(self, name: str = "Theirs") -> Job:
        job_id = await request_comparison(self.store, "acme", name, AnHourAhead().now_ms())

        async def ended() -> bool:
            return (await self._job(job_id)).state in DONE

        await until(ended)
        return await self._job(job_id)

    async def _job(self, job_id: str) -> Job:
        return (await self.store.jobs.load([("acme", job_id)]))["acme", job_id]

    async def rules(self) -> RuleSet:
        return await rule_set_of(self.store, "acme")

    def commit(self, *writes: Write) -> None:
        results = self.sandbox.org.commit(list(writes), Actor(self.sandbox.org.admin_user_id, "rest", None))
        assert all(result.success for result in results), results

    def contacts(self) -> list[str]:
        return sorted(str(row["Id"]) for row in self.sandbox.org.rows("Contact"))
