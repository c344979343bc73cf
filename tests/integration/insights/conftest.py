"""A simulated org, connected; scores and people in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import stamina

from sandbox.org.config import OrgConfig
from sandbox.org.server import serve

from .org_rig import OrgRig, connected


@pytest.fixture
async def rig() -> AsyncIterator[OrgRig]:
    sandbox = await serve(OrgConfig(contacts=20, leads=10, accounts=5, bulk_processing_delay_seconds=0.05))
    async with sandbox, connected(sandbox) as rig:
        with stamina.set_testing(True, attempts=3):
            yield rig
