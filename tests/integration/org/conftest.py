"""An org for each test and a session that is logged in to it; a module that needs another kind has its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.integration.org.team import Team


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig()) as running:
        yield running


@pytest.fixture
async def http(org: RunningOrg) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {org.access_token}"}
    async with aiohttp.ClientSession(org.base_url, headers=headers) as session:
        yield session


@pytest.fixture
def team(org: RunningOrg, http: aiohttp.ClientSession) -> Team:
    """For modules whose org has the users of `team_config`."""
    return Team(org, http)
