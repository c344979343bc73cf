"""An org and a caller that sees replies as they are on the wire."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest
from multidict import CIMultiDictProxy
from yarl import URL

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve

_ID = re.compile(r"\b([0-9A-Za-z]{3})[0-9A-Za-z]{12}[A-Z0-5]{3}\b")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000")


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.text)

    @property
    def neutral(self) -> str:
        """The body with every id cut to its prefix and every datetime to a word, as the sheets print them."""
        return _DATETIME.sub("<datetime>", _ID.sub(r"\1…", self.text))


@dataclass(frozen=True, slots=True)
class Caller:
    """One user of the org, at one version of the API."""

    org: RunningOrg
    http: aiohttp.ClientSession
    version: str = "62.0"

    async def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """`path` is below the version unless it begins with /services; header names have underscores for hyphens."""
        target = path if path.startswith("/services") else f"/services/data/v{self.version}{path}"
        sent = {"Authorization": f"Bearer {self.org.access_token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        url = URL(self.org.base_url + target, encoded="%" in target)
        async with self.http.request(method, url, data=data, headers=sent, allow_redirects=False) as reply:
            return Reply(reply.status, reply.headers, await reply.text())

    async def created(self, object_name: str, **fields: object) -> str:
        """The id of a new record."""
        reply = await self("POST", f"/sobjects/{object_name}", fields)
        assert reply.status == 201, reply.text
        return str(reply.json["id"])

    async def query(self, text: str) -> Reply:
        return await self("GET", f"/query?q={URL.build(path='').with_query(q=text).raw_query_string[2:]}")


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(contacts=30, leads=24, accounts=15)) as running:
        yield running


@pytest.fixture
async def call(org: RunningOrg) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as http:
        yield Caller(org, http)
