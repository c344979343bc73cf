"""Authorised calls to one org: bearer token, one renewal after a 401, bounded retries of what may be repeated."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import orjson
import stamina

from workers.adapters.salesforce.errors import Reply, failure
from workers.adapters.salesforce.http import Request, exchange
from workers.adapters.salesforce.names import CALL_OPTIONS, DATA_PATH
from workers.adapters.salesforce.tokens import Access, Tokens
from workers.adapters.salesforce.urls import host_of
from workers.ports import Exhausted, Unavailable
from workers.runtime.usage import UsageMeter

ATTEMPTS = 4
BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_LONGEST_SECONDS = 8.0
"""Four attempts within about 12 s at most; who needs longer retries at a level where the wait can be seen."""

CALL_SECONDS = 120.0
"""Salesforce ends a REST call after 120 s."""


class Api:
    """The calls of one team's org. Paths are absolute on the instance (`/services/data/...`)."""

    def __init__(self, tokens: Tokens, session: aiohttp.ClientSession, meter: UsageMeter) -> None:
        self.tokens = tokens
        self.meter = meter
        self._session = session

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Retried. Raises `Unavailable` or `SalesforceRefused`, as all calls here do."""
        return await self._repeated("GET", path, params=params or {}, headers=headers or {})

    async def patch_json(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Retried: a PATCH sets a state, and setting it twice is the same."""
        return await self._repeated("PATCH", path, headers=JSON, content=orjson.dumps(body))

    async def post_json(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Sent once: a lost reply would otherwise leave two jobs."""
        return await self._once("POST", path, headers=JSON, content=orjson.dumps(body))

    async def patch_json_once(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Sent once: what it writes would be written again, with all that hangs on it in the org."""
        return await self._once("PATCH", path, headers=JSON, content=orjson.dumps(body))

    async def ask_json(self, path: str, body: Mapping[str, Any]) -> Reply:
        """A question that is too long for a URL. Retried."""
        return await self._repeated("POST", path, headers=JSON, content=orjson.dumps(body))

    async def put(self, path: str, content: bytes, content_type: str, total_seconds: float) -> Reply:
        """Sent once: Bulk API 2.0 refuses a second upload to the same job."""
        headers = {"Content-Type": content_type}
        return await self._once("PUT", path, headers=headers, content=content, total_seconds=total_seconds)

    async def _repeated(self, method: str, path: str, **options: Any) -> Reply:
        async for attempt in stamina.retry_context(on=_full_jitter(), attempts=ATTEMPTS, timeout=None):
            with attempt:
                return await self._once(method, path, **options)
        raise AssertionError("stamina ends with a result or an error")

    async def _once(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        total_seconds: float = CALL_SECONDS,
    ) -> Reply:
        def request(access: Access) -> Request:
            all_headers = {**CALL_OPTIONS, **(headers or {}), "Authorization": f"Bearer {access.token}"}
            return Request(method, access.instance_url + path, params or {}, all_headers, content, total_seconds)

        access = await self.tokens.access()
        reply = await self._counted(request(access), path)
        if reply.status == 401:
            access = await self.tokens.renew(access)
            reply = await self._counted(request(access), path)
        if not 200 <= reply.status < 300:
            raise failure(reply, self._call(method, path, access))
        return reply

    async def _counted(self, request: Request, path: str) -> Reply:
        reply = await exchange(self._session, request)
        self.meter.called(kind_of(path), reply.headers.get("sforce-limit-info"))
        return reply

    def _call(self, method: str, path: str, access: Access) -> str:
        return f"{method} {path} of {host_of(access.instance_url)} (team {self.tokens.connection.team})"


KINDS = (("/jobs/query", "bulk_query"), ("/jobs/ingest", "bulk_ingest"), ("/tooling", "tooling"), ("/query", "query"))


def kind_of(path: str) -> str:
    """Under which name a call is counted."""
    below_version = path.removeprefix(DATA_PATH)
    return next((kind for prefix, kind in KINDS if below_version.startswith(prefix)), "rest")


JSON = {"Content-Type": "application/json"}


def _full_jitter() -> Callable[[Exception], bool | float]:
    """Waits uniformly between nothing and an exponentially growing limit, so that workers do not retry in step."""
    longest_seconds = BACKOFF_FIRST_SECONDS

    def wait_seconds(error: Exception) -> bool | float:
        nonlocal longest_seconds
        if not isinstance(error, Unavailable) or isinstance(error, Exhausted):
            return False
        drawn = random.uniform(0, longest_seconds)  # noqa: S311 - spreads load, guards nothing
        longest_seconds = min(2 * longest_seconds, BACKOFF_LONGEST_SECONDS)
        return drawn

    return wait_seconds
