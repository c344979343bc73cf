"""An org, and a team that is captured from it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import serve
from schemas.documents import Connection
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key

from .captured import Ahead, Captured, Start


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    running: list[Captured] = []

    async def started(**settings: object) -> Captured:
        config = OrgConfig(connect_timeout_seconds=2, **{"contacts": 30, "leads": 8, "accounts": 8, **settings})  # type: ignore[arg-type]
        sandbox, session, cipher = await serve(config), open_session(), TokenCipher([generate_key()])
        authorization = await client_credentials(
            session,
            sandbox.base_url,
            client_id=sandbox.org.config.client_id,
            client_secret=sandbox.org.config.client_secret,
            allow_insecure_loopback=True,
        )
        connection = Connection(
            team="acme",
            org_id=authorization.org_id,
            instance_url=authorization.instance_url,
            login_url=sandbox.base_url,
            client_id=sandbox.org.config.client_id,
            grant="client_credentials",
            secret=cipher.seal("acme", authorization.secret),
            connected_at_ms=1,
        )
        connections = memory_store().connections
        orgs = Orgs(connections, cipher, Ahead(), allow_insecure_loopback=True, session=session)
        captured = Captured(sandbox, orgs, connection)
        await connections.swap([connection])
        await captured.store.connections.swap([connection])
        running.append(captured)
        return captured

    yield started
    for captured in running:
        await captured.orgs.close()
        await captured.sandbox.close()
