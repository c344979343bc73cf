"""Simulated orgs in a process of their own, and how a test edits them and makes them misbehave."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from sandbox.demo.org_client import OrgClient, expect
from tests.faults.oracles import Truth, truth_of
from workers.adapters.salesforce.oauth import (
    Authorization,
    authorize_url,
    client_credentials,
    exchange_code,
    new_pkce,
)
from workers.core.normalize import OBJECTS

START_SECONDS = 60.0
CALLBACK = "http://localhost:1717/callback"

Grant = Literal["client_credentials", "authorization_code"]

SETTINGS: dict[str, Any] = {
    "contacts": 12,
    "leads": 6,
    "accounts": 4,
    # A poll is held for so long; real ones for 110 s.
    "connect_timeout_seconds": 2,
    # Changes in a transaction; really 100,000.
    "overflow_changes": 20,
}


@dataclass(slots=True)
class Org:
    """One org of the fleet, from the side of its users and of its administrator."""

    client: OrgClient
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Of whoever edits: the tokens of the org's users are no matter of the tests."""

    @property
    def credentials(self) -> dict[str, str]:
        return self.client.credentials

    async def admin(self, path: str, **given: Any) -> Any:
        url = f"{self.credentials['admin_url']}/{path}"
        async with self.client.session.post(url, json=given) as reply:
            body = await reply.text()
            assert reply.status in {200, 201}, f"{path}: {body[:300]}"
            return json.loads(body)

    async def fault(self, kind: str, times: int = 1, where: dict[str, str] | None = None, **settings: Any) -> None:
        await self.admin("faults", kind=kind, times=times, where=where or {}, settings=settings)

    async def cease_faults(self) -> None:
        """Those that were ordered and have not struck."""
        async with self.client.session.delete(f"{self.credentials['admin_url']}/faults") as reply:
            assert reply.ok, await reply.text()

    async def read(self, path: str) -> dict[str, Any]:
        async with self.client.session.get(f"{self.credentials['admin_url']}/{path}") as reply:
            found: dict[str, Any] = await expect(reply, 200)
            return found

    async def revoke_tokens(self) -> None:
        """Everybody's; those who edit log in again."""
        given = self.credentials
        form = {"grant_type": "client_credentials"} | {name: given[name] for name in ("client_id", "client_secret")}
        async with self.turn:
            await self.admin("tokens/revoke")
            async with self.client.session.post(f"{given['login_url']}/services/oauth2/token", data=form) as reply:
                self.client.credentials = given | {"access_token": (await expect(reply, 200))["access_token"]}

    async def authorization(self, grant: Grant) -> Authorization:
        """What this org gives to whom it authorises; with a code an administrator logs in first."""
        given, session = self.credentials, self.client.session
        login_url, client_id, secret = given["login_url"], given["client_id"], given["client_secret"]
        if grant == "client_credentials":
            return await client_credentials(
                session, login_url, client_id=client_id, client_secret=secret, allow_insecure_loopback=True
            )
        pkce = new_pkce()
        url = authorize_url(
            login_url,
            client_id=client_id,
            redirect_uri=CALLBACK,
            challenge=pkce.challenge,
            state="state",
            allow_insecure_loopback=True,
        )
        form = dict(parse_qsl(urlsplit(url).query)) | {"username": given["username"], "pw": given["password"]}
        page = f"{login_url}/services/oauth2/authorize"
        async with session.post(page, data=form, allow_redirects=False) as reply:
            answer = dict(parse_qsl(urlsplit(reply.headers["Location"]).query))
        return await exchange_code(
            session,
            login_url,
            client_id=client_id,
            client_secret=secret,
            code=answer["code"],
            verifier=pkce.verifier,
            redirect_uri=CALLBACK,
            allow_insecure_loopback=True,
        )

    async def ids(self, name: str) -> list[str]:
        return list(await self.client.state(name))

    async def update_all(self, name: str, ids: list[str], fields: dict[str, Any]) -> None:
        """In one transaction, of which one event tells."""
        records = [{"attributes": {"type": name}, "id": one, **fields} for one in ids]
        url = f"{self.client.data_url}/composite/sobjects"
        body = {"allOrNone": True, "records": records}
        async with self.client.session.patch(url, json=body, headers=self.client.headers) as reply:
            assert all(one["success"] for one in await expect(reply, 200))

    async def truth(self) -> Truth:
        rows = [row for name in OBJECTS.values() for row in (await self.client.state(name)).values()]
        return truth_of([line async for line in self.client.ledger()], rows)


class OrgProcess:
    """`tests.faults.org_process`, asked one thing at a time."""

    def __init__(self, process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
        self._process = process
        self.session = session
        self._turn = asyncio.Lock()

    async def open(self, seed: int, **settings: Any) -> Org:
        given = {"seed": seed, **SETTINGS, **settings}
        return Org(OrgClient(await self._ask(given), self.session))

    async def close(self, org: Org) -> None:
        await self._ask({"close": org.credentials["instance_url"]})

    async def _ask(self, given: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn, asyncio.timeout(START_SECONDS):
            self._process.stdin.write(json.dumps(given).encode() + b"\n")
            line = await self._process.stdout.readline()
        assert line, "the process of the orgs has ended"
        return json.loads(line)


@asynccontextmanager
async def org_process(log: Path) -> AsyncIterator[OrgProcess]:
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.org_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdin is not None
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield OrgProcess(process, session)
    finally:
        process.stdin.close()
        await process.wait()
