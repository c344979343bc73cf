"""A simulated org for each test, and the adapters connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import stamina

from sandbox.org.config import OrgConfig
from sandbox.org.server import serve
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import client_credentials

from .connected_team import Connect, Setup, connect_team


@pytest.fixture(autouse=True)
def _no_waiting_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """`connect(**OrgConfig settings)` serves an org and connects a team to it by client credentials."""
    opened: list[Setup] = []

    async def connected(**settings: Any) -> Setup:
        sandbox = await serve(OrgConfig(connect_timeout_seconds=2, **settings))
        session = open_session()
        config = sandbox.org.config
        authorization = await client_credentials(
            session,
            sandbox.base_url,
            client_id=config.client_id,
            client_secret=config.client_secret,
            allow_insecure_loopback=True,
        )
        setup = await connect_team(sandbox, session, authorization, "client_credentials")
        opened.append(setup)
        return setup

    yield connected
    for setup in opened:
        await setup.orgs.close()
        await setup.sandbox.close()
