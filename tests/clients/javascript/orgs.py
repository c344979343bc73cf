"""What the tests of JavaScript clients share: where the clients are, and what an org told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg

HERE = Path(__file__).parent
NODE = shutil.which("node")
PATIENCE_SECONDS = 30

needs_clients = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules").is_dir(), reason="needs Node.js, and npm ci in tests/clients/javascript"
)


def create(org: RunningOrg, *names: str) -> list[str]:
    actor = Actor(org.org.admin_user_id, "rest")
    results = org.org.commit([Write("create", "Contact", None, {"LastName": name}) for name in names], actor)
    return [str(result.record_id) for result in results]


def announced(org: RunningOrg) -> list[tuple[int, str]]:
    return [(entry.replay_id, entry.record_id) for entry in org.org.ledger.after(0) if entry.replay_id]
