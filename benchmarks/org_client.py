"""The load generator's end of the org benchmark: the org's process, its REST calls, and lean CometD subscribers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
import psutil

API_VERSION = "62.0"


@dataclass(frozen=True, slots=True)
class OrgProcess:
    """An org that serves in a process of its own, with the meters of that process."""

    base_url: str
    access_token: str = field(repr=False)
    load_seconds: float
    peak_rss_mb: int
    login: tuple[str, str, str] = field(repr=False)
    """Login URL, client id and secret."""
    _process: psutil.Process

    @property
    def data_url(self) -> str:
        return f"{self.base_url}/services/data/v{API_VERSION}"

    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def rss_mb(self) -> float:
        return float(self._process.memory_info().rss) / 2**20


@contextmanager
def org_process(**settings: Any) -> Iterator[OrgProcess]:
    """Start an org with these settings of `OrgConfig`; it has the first core for itself."""
    _keep_off_the_first_core()
    command = [sys.executable, "-m", "benchmarks.org_side", json.dumps(settings)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the org did not start")
        told = json.loads(line)
        meters = psutil.Process(process.pid)
        login = (told["login_url"], told["client_id"], told["client_secret"])
        load_seconds, peak_rss_mb = told["load_seconds"], told["peak_rss_mb"]
        yield OrgProcess(told["instance_url"], told["access_token"], load_seconds, peak_rss_mb, login, meters)
        process.stdin.close()


def _keep_off_the_first_core() -> None:
    if not hasattr(os, "sched_setaffinity"):  # not Linux
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores - {min(cores)} or cores)


@asynccontextmanager
async def client(org: OrgProcess) -> AsyncIterator[aiohttp.ClientSession]:
    """HTTP with the org's token, as many connections as are asked for."""
    headers = {"Authorization": f"Bearer {org.access_token}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    # Cookies would make one browser of all subscribers.
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(
        org.base_url, headers=headers, connector=connector, cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=300)
    ) as session:
        yield session


class Subscriber:
    """One CometD client: it shakes hands, subscribes, and polls until it is cancelled."""

    def __init__(self, session: aiohttp.ClientSession, channel: str) -> None:
        self._session = session
        self._channel = channel
        self._client_id = ""
        self.events = 0
        #: Polls that were answered.
        self.polls = 0
        self._polled = asyncio.Event()

    async def join(self) -> None:
        """Be subscribed, with the first (immediate) connect behind."""
        hello = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}
        self._client_id = (await self._send(hello))[-1]["clientId"]
        await self._send({"channel": "/meta/subscribe", "subscription": self._channel, **self._own()})
        await self._connect()

    async def listen(self) -> None:
        while True:
            replies = await self._connect()
            self.polls += 1
            self.events += len(replies) - 1
            self._polled.set()

    async def wait_for(self, *, events: int = 0, polls: int = 0) -> None:
        while self.events < events or self.polls < polls:
            self._polled.clear()
            await self._polled.wait()

    def _own(self) -> dict[str, str]:
        return {"clientId": self._client_id}

    async def _connect(self) -> list[dict[str, Any]]:
        return await self._send({"channel": "/meta/connect", "connectionType": "long-polling", **self._own()})

    async def _send(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        async with self._session.post(f"/cometd/{API_VERSION}", data=orjson.dumps([message])) as response:
            replies: list[dict[str, Any]] = orjson.loads(await response.read())
        if replies[-1].get("successful") is not True:
            raise RuntimeError(f"refused: {replies[-1]}")
        return replies
