"""The scores API as a platform meets it: over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from schemas.events import Score
from tests.support.clock import SetClock
from tests.support.waiting import until
from workers.adapters.http_server import serving
from workers.adapters.memory.store import memory_store
from workers.adapters.scores_api import server
from workers.console import score_tokens
from workers.core.intake import BODY_BYTES
from workers.intake.worker import Intake
from workers.ports import Store, Unavailable
from workers.runtime.edits import By

NOW_MS = 1_795_000_000_000
ADA = {"subject": "person", "key": "ada@acme.com", "score": 7.5, "scored_at_ms": NOW_MS}


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

    async def post(
        self, body: Any, kind: str = "application/json", team: str = "acme", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": kind} | headers
        async with self.session.post(
            f"{self.base}/v1/teams/{team}/scores", data=io.BytesIO(content), headers=sent
        ) as reply:
            return reply.status, await reply.json()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    store, topic = memory_store(), Topic()
    _, token = await score_tokens.create(store, "acme", "platform", By("ann", NOW_MS))
    app = server.application(Intake(store, topic, SetClock(NOW_MS)))
    async with serving(app, "127.0.0.1", 0, "SCORES_API") as port, aiohttp.ClientSession() as session:
        yield Api(f"http://127.0.0.1:{port}", session, store, topic, token)


async def test_an_array_and_lines_are_taken(api: Api) -> None:
    assert await api.post([ADA]) == (202, {"accepted": 1, "rejected": 0, "errors": []})
    lines = b"\n".join(json.dumps({**ADA, "key": f"p{n}@acme.com"}).encode() for n in range(3))
    assert await api.post(lines, "application/x-ndjson") == (202, {"accepted": 3, "rejected": 0, "errors": []})
    assert len(api.topic.scores_held) == 4


async def test_each_bad_row_is_told(api: Api) -> None:
    status, told = await api.post([ADA, {**ADA, "score": "high"}, {**ADA, "key": "nobody"}])
    assert (status, told["accepted"], told["rejected"]) == (202, 1, 2)
    assert [(each["row"], each["key"]) for each in told["errors"]] == [(1, "ada@acme.com"), (2, "nobody")]
    status, told = await api.post([{**ADA, "score": "high"}])
    assert (status, told["accepted"], told["rejected"]) == (422, 0, 1)
    assert (await api.post([]))[0] == 202


async def test_nothing_is_answered_before_kafka_has_it(api: Api) -> None:
    api.topic.acknowledging.clear()
    posting = asyncio.create_task(api.post([ADA]))
    await until(lambda: bool(api.topic.scores_held))
    assert not posting.done()
    api.topic.acknowledging.set()
    assert (await posting)[0] == 202


async def test_without_kafka_the_platform_is_told_to_send_again(api: Api) -> None:
    api.topic.down = True
    status, told = await api.post([ADA])
    assert status == 503
    assert "send the same rows again" in told["error"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic abc", "Bearer sst.0a1b2c3d." + "x" * 43])
async def test_a_stranger_is_turned_away_before_his_body_is_read(api: Api, authorization: str) -> None:
    status, told = await api.post(b"[" * BODY_BYTES, Authorization=authorization)
    assert (status, told) == (401, {"error": "no valid token for this team"})
    assert (await api.post([ADA], team="other"))[0] == 401


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "application/json", 400),
        (b"a,b", "text/csv", 415),
        (b" " * (BODY_BYTES + 1), "application/json", 413),
        (b"1\n" * 10_001, "application/x-ndjson", 413),
    ],
)
async def test_what_cannot_be_taken_says_why(api: Api, body: bytes, kind: str, status: int) -> None:
    got, told = await api.post(body, kind)
    assert got == status
    assert told["error"]
    assert api.topic.scores_held == []


async def test_a_small_body_that_unfolds_to_a_large_one_is_too_large(api: Api) -> None:
    headers = {"Content-Encoding": "gzip"}
    assert (await api.post(gzip.compress(json.dumps([ADA]).encode()), **headers))[0] == 202
    assert (await api.post(gzip.compress(b" " * (BODY_BYTES + 1)), **headers))[0] == 413


async def test_a_body_that_comes_too_slowly_gives_up_its_place(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 0.05)
    ended = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"["
        await ended.wait()

    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
    async with api.session.post(f"{api.base}/v1/teams/acme/scores", data=slowly(), headers=headers) as reply:
        assert reply.status == 408
        ended.set()


async def test_other_addresses_and_methods_are_told_in_json(api: Api) -> None:
    async with api.session.get(f"{api.base}/v1/teams/acme/scores") as reply:
        assert (reply.status, await reply.json()) == (405, {"error": "Method Not Allowed"})
    async with api.session.get(f"{api.base}/") as reply:
        assert reply.status == 404


async def test_it_describes_itself(api: Api) -> None:
    async with api.session.get(f"{api.base}/openapi.json") as reply:
        described = await reply.json()
    row = described["components"]["schemas"]["Score"]
    assert set(row["properties"]) == Score.model_fields.keys() - {"team"}
    assert set(row["required"]) == {"subject", "key", "score", "scored_at_ms"}
    post = described["paths"]["/v1/teams/{team}/scores"]["post"]
    assert set(post["requestBody"]["content"]) < set(server.READERS)
    assert {"202", "401", "413", "503"} < set(post["responses"])
