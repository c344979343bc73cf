"""A team connected to a simulated org."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import aiohttp

from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg
from schemas.documents import Connection
from schemas.events import Entity
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.oauth import Authorization
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key
from workers.ports import SalesforceOrg, Store, StreamBatch, StreamEvent

TEAM = "acme"
PATIENCE_SECONDS = 15


class WallClock:
    def now_ms(self) -> int:
        return 1_700_000_000_000


@dataclass
class Setup:
    """One team connected to one simulated org."""

    sandbox: RunningOrg
    store: Store
    cipher: TokenCipher
    session: aiohttp.ClientSession
    orgs: Orgs
    connection: Connection

    @property
    def org(self) -> SalesforceOrg:
        return self.orgs.org(self.connection)

    async def stored(self) -> Connection:
        return (await self.store.connections.load([(TEAM, TEAM)]))[TEAM, TEAM]

    def create_contacts(self, count: int, prefix: str = "Person") -> list[str]:
        """One transaction each, so that each is an event of its own."""
        return [
            str(self.commit(Write("create", "Contact", None, {"LastName": f"{prefix} {n}"})).record_id)
            for n in range(count)
        ]

    def commit(self, write: Write) -> Any:
        (result,) = self.sandbox.org.commit([write], Actor(self.sandbox.org.admin_user_id, "rest", None))
        assert result.success, result.errors
        return result

    @asynccontextmanager
    async def streaming(self, positions: Mapping[Entity, str | None]) -> AsyncIterator[Listener]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            batches = cast("AsyncGenerator[StreamBatch]", self.orgs.stream(self.connection).events(positions))
            async with aclosing(batches):
                first = await anext(batches)
                assert not first.events
                yield Listener(batches, first)


@dataclass
class Listener:
    batches: AsyncIterator[StreamBatch]
    first: StreamBatch

    async def take(self, count: int) -> list[StreamEvent]:
        taken: list[StreamEvent] = []
        while len(taken) < count:
            taken += (await anext(self.batches)).events
        return taken

    async def rest(self, into: list[StreamEvent]) -> None:
        """Everything until the stream raises."""
        async for batch in self.batches:
            into += batch.events


Connect = Callable[..., Awaitable[Setup]]


async def connect_team(
    sandbox: RunningOrg, session: aiohttp.ClientSession, authorization: Authorization, grant: str
) -> Setup:
    store, cipher = memory_store(), TokenCipher([generate_key()])
    connection = Connection.model_validate(
        {
            "team": TEAM,
            "org_id": authorization.org_id,
            "instance_url": authorization.instance_url,
            "login_url": sandbox.base_url,
            "client_id": sandbox.org.config.client_id,
            "grant": grant,
            "secret": cipher.seal(TEAM, authorization.secret),
            "connected_at_ms": 1,
        }
    )
    assert not await store.connections.swap([connection])
    orgs = Orgs(store.connections, cipher, WallClock(), allow_insecure_loopback=True, session=session)
    return Setup(sandbox, store, cipher, session, orgs, connection.model_copy(update={"rev": 1}))
