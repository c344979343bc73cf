"""A client that speaks HTTP and Bayeux by hand to one org, and to its admin calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg

CONTACTS, ALL = "/data/ContactChangeEvent", "/data/ChangeEvents"
PATIENCE_SECONDS = 10
COMETD = "/cometd/66.0"
DATA = "/services/data/v62.0"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Caller:
    """One HTTP session against one org."""

    org: RunningOrg
    http: aiohttp.ClientSession
    client_id: str = ""

    async def call(self, method: str, path: str, **options: Any) -> Reply:
        async with self.http.request(method, self.org.base_url + path, **options) as reply:
            return Reply(reply.status, reply.content_type, reply.headers, await reply.read())

    async def json(self, method: str, path: str, **options: Any) -> Any:
        return json.loads((await self.call(method, path, **options)).body)

    async def admin(self, path: str, **body: object) -> Any:
        async with self.http.post(f"{self.org.base_url}/__admin__/{path}", json=body, raise_for_status=True) as reply:
            return await reply.json()

    async def plan(self, kind: str, **more: object) -> None:
        await self.admin("faults", kind=kind, **more)

    async def bayeux(self, kind: str, **more: object) -> list[dict[str, Any]]:
        message = {"channel": f"/meta/{kind}", "clientId": self.client_id, "id": "7"} | more
        replies: list[dict[str, Any]] = await self.json("POST", COMETD, json=[message])
        return replies

    async def handshake(self) -> dict[str, Any]:
        [reply] = await self.json("POST", COMETD, json=[{"channel": "/meta/handshake", "id": "0", "version": "1.0"}])
        self.client_id = reply.get("clientId", "")
        return dict(reply)

    async def established(self, *channels: str) -> None:
        await self.handshake()
        await self.bayeux("connect")
        for channel in channels:
            assert (await self.bayeux("subscribe", subscription=channel))[0]["successful"]

    async def polling(self) -> asyncio.Task[list[dict[str, Any]]]:
        session = self.org.cometd_sessions.find(self.client_id)
        assert session is not None
        task = asyncio.create_task(self.bayeux("connect"))
        await until(lambda: session.waiting is not None)
        return task


async def until(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.002)


async def caller_of(org: RunningOrg) -> AsyncIterator[Caller]:
    headers = {"Authorization": f"Bearer {org.access_token}"}
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
        yield Caller(org, http)


def create(org: RunningOrg, name: str = "Doe") -> None:
    org.org.commit([Write("create", "Contact", None, {"LastName": name})], Actor(org.org.admin_user_id, "rest"))


def struck(caller: Caller) -> dict[str, int]:
    return dict(caller.org.org.ledger.faults)
