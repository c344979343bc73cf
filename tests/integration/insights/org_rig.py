from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg
from schemas.documents import Connection, Contribution, Member, WritebackRow, WritebackRun
from schemas.events import Entity
from tests.support.engagement import rescored
from tests.support.writeback_rows import kept_rows
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key
from workers.insights.worker import Insights
from workers.ports import Clock, Store
from workers.runtime.connections import connection_of

TEAM = "acme"
OBJECT: dict[Entity, str] = {"contact": "Contact", "lead": "Lead", "account": "Account"}


class TickingClock:
    """No two runs by hand begin in the same millisecond, however fast the machine."""

    def __init__(self) -> None:
        self._ms = itertools.count(1_795_000_000_000)

    def now_ms(self) -> int:
        return next(self._ms)


@dataclass
class OrgRig:
    sandbox: RunningOrg
    session: aiohttp.ClientSession
    store: Store
    orgs: Orgs
    clock: Clock

    async def write_back(self) -> WritebackRun:
        insights = Insights(self.store, self.orgs, MemoryPublisher(), self.clock)
        (run,) = await insights.write_back(TEAM, again=True)
        return run

    async def undo(self, run: WritebackRun) -> WritebackRun:
        return await Insights(self.store, self.orgs, MemoryPublisher(), self.clock).undo(TEAM, run.run_id)

    async def resume(self, run: WritebackRun) -> WritebackRun:
        """By another process."""
        insights = Insights(self.store, self.orgs, MemoryPublisher(), self.clock)
        return await insights._ended(await connection_of(self.store, TEAM), run.run_id)

    async def rows(self, run: WritebackRun) -> list[WritebackRow]:
        return [row for row in await kept_rows(self.store, TEAM) if row.run_id == run.run_id]

    async def row(self, run: WritebackRun, record_id: str) -> WritebackRow:
        (row,) = [row for row in await self.rows(run) if row.record_id == record_id]
        return row

    def ids(self, entity: Entity) -> list[str]:
        return sorted(str(row["Id"]) for row in self.sandbox.org.rows(OBJECT[entity]))

    def bulk_calls(self) -> int:
        return self.sandbox.stats.calls["bulk"]

    def delete(self, entity: Entity, record_id: str) -> None:
        org = self.sandbox.org
        (result,) = org.commit([Write("delete", OBJECT[entity], record_id, {})], Actor(org.admin_user_id, "rest", None))
        assert result.success

    def edit(self, entity: Entity, record_id: str, values: dict[str, object]) -> None:
        """By somebody in the org."""
        org = self.sandbox.org
        write = Write("update", OBJECT[entity], record_id, values)
        (result,) = org.commit([write], Actor(org.admin_user_id, "rest", None))
        assert result.success, result

    async def query(self, soql: str) -> list[dict[str, Any]]:
        """By the org's own query engine, over HTTP."""
        url = f"{self.sandbox.base_url}/services/data/v62.0/query"
        headers = {"Authorization": f"Bearer {self.sandbox.access_token}"}
        async with self.session.get(url, params={"q": soql}, headers=headers) as reply:
            assert reply.status == 200, await reply.text()
            records: list[dict[str, Any]] = (await reply.json())["records"]
            return records

    async def scored(
        self, subject: str, key: str, records: Sequence[tuple[Entity, str]], score: float, at_ms: int | None
    ) -> None:
        contributions = {record_id: Contribution(rev=1, entity=entity) for entity, record_id in records}
        members = self.store.people if subject == "person" else self.store.accounts
        assert not await members.swap([Member(team=TEAM, key=key, alive=True, contributions=contributions)])
        await self.rescored(subject, key, score, at_ms)

    async def rescored(self, subject: str, key: str, score: float, at_ms: int | None) -> None:
        await rescored(self.store, TEAM, subject, key, score, at_ms)


@asynccontextmanager
async def connected(sandbox: RunningOrg) -> AsyncIterator[OrgRig]:
    config, store, cipher, session = sandbox.org.config, memory_store(), TokenCipher([generate_key()]), open_session()
    authorization = await client_credentials(
        session,
        sandbox.base_url,
        client_id=config.client_id,
        client_secret=config.client_secret,
        allow_insecure_loopback=True,
    )
    connection = Connection(
        team=TEAM,
        org_id=authorization.org_id,
        instance_url=authorization.instance_url,
        login_url=sandbox.base_url,
        client_id=config.client_id,
        grant="client_credentials",
        secret=cipher.seal(TEAM, authorization.secret),
        connected_at_ms=1,
    )
    assert not await store.connections.swap([connection])
    clock = TickingClock()
    orgs = Orgs(store.connections, cipher, clock, allow_insecure_loopback=True, session=session)
    try:
        yield OrgRig(sandbox, session, store, orgs, clock)
    finally:
        await orgs.close()
