"""The scores API, served, with a store in memory and a topic that does as it is told."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from schemas.documents import Scope
from schemas.events import Score
from tests.support.clock import SetClock
from workers.adapters.http_server import serving
from workers.adapters.memory.store import memory_store
from workers.adapters.scores_api import server
from workers.console import score_tokens
from workers.console.run_reports import Reports
from workers.intake.admission import Tokens
from workers.intake.worker import Intake
from workers.ports import RunReports, Store, Unavailable
from workers.runtime.edits import By

NOW_MS = 1_795_000_000_000
ADA = {"subject": "person", "key": "ada@acme.com", "score": 7.5, "scored_at_ms": NOW_MS}
READ: tuple[Scope, ...] = ("writeback:read",)


class Topic:
    """Acknowledges when it is told to."""

    def __init__(self) -> None:
        self.scores_held: list[Score] = []
        self.down = False
        self.acknowledging = asyncio.Event()
        self.acknowledging.set()

    async def scores(self, scores: Sequence[Score]) -> None:
        if self.down:
            raise Unavailable("Kafka did not acknowledge a message")
        self.scores_held.extend(scores)
        await self.acknowledging.wait()


@dataclass
class Api:
    base: str
    session: aiohttp.ClientSession
    store: Store
    topic: Topic
    token: str
    reading: str
    """A token that may read reports and nothing else."""

    async def post(
        self, body: Any, kind: str = "application/json", team: str = "acme", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": kind} | headers
        async with self.session.post(
            f"{self.base}/v1/teams/{team}/scores", data=io.BytesIO(content), headers=sent
        ) as reply:
            return reply.status, await reply.json()

    async def get(self, path: str, token: str | None = None, **query: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token or self.reading}"}
        address = f"{self.base}/v1/teams/acme/writeback/{path}"
        async with self.session.get(address, params=query, headers=headers) as reply:
            return reply.status, await reply.json()

    def table(self, path: str, **query: str) -> Any:
        headers = {"Authorization": f"Bearer {self.reading}", "Accept": "text/csv"}
        return self.session.get(f"{self.base}/v1/teams/acme/writeback/{path}", params=query, headers=headers)


@asynccontextmanager
async def served(reports: RunReports | None = None) -> AsyncIterator[Api]:
    store, topic, by = memory_store(), Topic(), By("ann", NOW_MS)
    _, token = await score_tokens.create(store, "acme", "platform", by)
    _, reading = await score_tokens.create(store, "acme", "reports", by, READ)
    app = server.application(Tokens(store), Intake(topic, SetClock(NOW_MS)), reports or Reports(store))
    async with serving(app, "127.0.0.1", 0, "SCORES_API") as port, aiohttp.ClientSession() as session:
        yield Api(f"http://127.0.0.1:{port}", session, store, topic, token, reading)
