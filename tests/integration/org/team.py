"""Callers of one org by what they may do: an administrator, two standard users, and a clerk without any rights."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

from sandbox.org.config import OrgConfig, Sharing
from sandbox.org.server import RunningOrg
from sandbox.org.users.specs import UserSpec

DATA = "/services/data/v62.0"
REP, PEER, CLERK = "rep@org.example", "peer@org.example", "clerk@org.example"


def team_config(**settings: Any) -> OrgConfig:
    """Leads and opportunities are private, accounts can be read by all."""
    users = (
        UserSpec(REP, first_name="Rita", last_name="Rep"),
        UserSpec(PEER, last_name="Peer"),
        UserSpec(CLERK, profile="Minimum Access - Salesforce", permission_sets=("Clerk",)),
    )
    sharing: tuple[tuple[str, Sharing], ...] = (("Lead", "private"), ("Account", "read"), ("Opportunity", "private"))
    return OrgConfig(users=users, sharing=sharing, **settings)


class Caller:
    """A client with the session of one user."""

    def __init__(self, org: RunningOrg, http: aiohttp.ClientSession, user_id: str) -> None:
        self.user_id = user_id
        self._http = http
        self._headers = {"Authorization": f"Bearer {org.tokens.issue(user_id)}"}

    async def __call__(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        url = path if path.startswith("/services/") else DATA + path
        async with self._http.request(method, url, json=body, headers=self._headers) as reply:
            text = await reply.text()
            assert reply.status == status, text
            return orjson.loads(text) if text else None

    async def query(self, text: str, status: int = 200) -> Any:
        async with self._http.get(f"{DATA}/query", params={"q": text}, headers=self._headers) as reply:
            assert reply.status == status, await reply.text()
            return await reply.json()

    async def ids(self, text: str) -> list[str]:
        return [one["Id"] for one in (await self.query(text))["records"]]

    async def create(self, object_name: str, **fields: object) -> str:
        return str((await self("POST", f"/sobjects/{object_name}", fields, 201))["id"])

    async def field_names(self, object_name: str) -> set[str]:
        return {one["name"] for one in (await self("GET", f"/sobjects/{object_name}/describe"))["fields"]}


class Team:
    """The callers of the org by what they are."""

    def __init__(self, org: RunningOrg, http: aiohttp.ClientSession) -> None:
        ids = {str(row["Username"]): str(row["Id"]) for row in org.org.rows("User")}
        self.admin = Caller(org, http, org.org.admin_user_id)
        self.rep, self.peer, self.clerk = (Caller(org, http, ids[name]) for name in (REP, PEER, CLERK))
