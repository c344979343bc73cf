"""The org as the demo's marketers, sales people and judges use it: plain REST, no code shared with the workers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin

import aiohttp

LEDGER_PAGE = 5000

SOAP = (
    '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader>'
    "<sessionId>{session}</sessionId></SessionHeader></e:Header>"
    '<e:Body><{operation} xmlns="urn:partner.soap.sforce.com">{body}</{operation}></e:Body></e:Envelope>'
)


@dataclass(slots=True)
class OrgClient:
    """What `segment-sync sandbox --json` printed, and a session to use it with."""

    credentials: dict[str, str]
    session: aiohttp.ClientSession = field(repr=False)

    @property
    def data_url(self) -> str:
        return f"{self.credentials['instance_url']}/services/data/v62.0"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credentials['access_token']}"}

    async def create(self, entity: str, fields: dict[str, Any]) -> str:
        async with self.session.post(f"{self.data_url}/sobjects/{entity}", json=fields, headers=self.headers) as reply:
            return str((await expect(reply, 201))["id"])

    async def update(self, entity: str, record_id: str, fields: dict[str, Any]) -> None:
        url = f"{self.data_url}/sobjects/{entity}/{record_id}"
        async with self.session.patch(url, json=fields, headers=self.headers) as reply:
            await expect(reply, 204)

    async def delete(self, entity: str, record_id: str) -> None:
        url = f"{self.data_url}/sobjects/{entity}/{record_id}"
        async with self.session.delete(url, headers=self.headers) as reply:
            await expect(reply, 204)

    async def query(self, soql: str) -> list[dict[str, Any]]:
        """All rows, page by page."""
        rows: list[dict[str, Any]] = []
        url = f"{self.data_url}/query?{urlencode({'q': soql})}"
        while True:
            async with self.session.get(url, headers=self.headers) as reply:
                page = await expect(reply, 200)
            rows += page["records"]
            if page["done"]:
                return rows
            url = urljoin(self.data_url, page["nextRecordsUrl"])

    async def list_members(self, entity: str, label: str) -> set[str]:
        """Ids of the records in a list view, answered by the org's own query engine."""
        url: str | None = f"{self.data_url}/sobjects/{entity}/listviews"
        while url:
            async with self.session.get(url, headers=self.headers) as reply:
                page = await expect(reply, 200)
            found = next((each for each in page["listviews"] if each["label"] == label), None)
            if found is not None:
                async with self.session.get(
                    urljoin(self.data_url, found["describeUrl"]), headers=self.headers
                ) as reply:
                    query = (await expect(reply, 200))["query"]
                return {row["Id"] for row in await self.query(query)}
            url = urljoin(self.data_url, page["nextRecordsUrl"]) if page["nextRecordsUrl"] else None
        raise LookupError(f"the org has no {entity} list {label}")

    async def define_list(self, entity: str, label: str, where: dict[str, Any]) -> None:
        """What an administrator does in the list view's filter; `where` as a describe result has it."""
        body = {"object": entity, "label": label, "developerName": label.title().replace(" ", ""), "where": where}
        async with self.session.post(f"{self.credentials['admin_url']}/listviews", json=body) as reply:
            await expect(reply, 201)

    async def plan_fault(self, kind: str, times: int, **where: str) -> None:
        async with self.session.post(
            f"{self.credentials['admin_url']}/faults", json={"kind": kind, "times": times, "where": where}
        ) as reply:
            await expect(reply, 201)

    async def validate(self, entity: str, name: str, condition: str, message: str, *, active: bool) -> None:
        """An administrator's validation rule: whatever meets the condition cannot be saved."""
        rule = {"object": entity, "name": name, "condition": condition, "message": message, "active": active}
        async with self.session.post(f"{self.credentials['admin_url']}/validation-rules", json=rule) as reply:
            await expect(reply, 200)

    async def merge(self, entity: str, master_id: str, loser_id: str) -> None:
        await self._soap(
            "merge",
            f"<request><masterRecord><type>{entity}</type><Id>{master_id}</Id></masterRecord>"
            f"<recordToMergeIds>{loser_id}</recordToMergeIds></request>",
        )

    async def convert(self, lead_id: str) -> None:
        await self._soap(
            "convertLead",
            "<leadConverts><convertedStatus>Closed - Converted</convertedStatus>"
            f"<leadId>{lead_id}</leadId></leadConverts>",
        )

    async def _soap(self, operation: str, body: str) -> None:
        """Both exist in the SOAP API only."""
        envelope = SOAP.format(session=self.credentials["access_token"], operation=operation, body=body)
        url = f"{self.credentials['instance_url']}/services/Soap/u/62.0"
        async with self.session.post(url, data=envelope.encode()) as reply:
            text = await reply.text()
        if reply.status != 200 or "<success>true</success>" not in text:
            raise RuntimeError(f"the org answered HTTP {reply.status} to {operation}: {text[:300]}")

    async def state(self, entity: str) -> dict[str, dict[str, Any]]:
        """All live rows by id, as the org itself keeps them."""
        async with self.session.get(f"{self.credentials['admin_url']}/state/{entity}") as reply:
            return {row["Id"]: row for row in await expect(reply, 200)}

    async def ledger(self, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Every commit after a number, oldest first."""
        while True:
            params = {"after": str(after), "limit": str(LEDGER_PAGE)}
            async with self.session.get(f"{self.credentials['admin_url']}/ledger", params=params) as reply:
                lines = (await reply.read()).splitlines()
            for line in lines:
                yield json.loads(line)
            if len(lines) < LEDGER_PAGE:
                return
            after += len(lines)

    async def ledger_length(self) -> int:
        async with self.session.get(f"{self.credentials['admin_url']}/counts") as reply:
            return int((await expect(reply, 200))["ledger"])

    async def log_in(self, url: str) -> None:
        """What a person does in the browser: open the page, type name and password, be sent back."""
        async with self.session.get(url) as reply:
            page = LoginForm.parse(await reply.text())
        form = page.hidden | {
            "username": self.credentials["username"],
            "pw": self.credentials["password"],
            "action": "login",
        }
        async with self.session.post(urljoin(url, page.action), data=form) as reply:
            text = await reply.text()
            if reply.status != 200:
                raise RuntimeError(f"the login ended with HTTP {reply.status}: {text[:200]}")


class LoginForm(HTMLParser):
    """The form of the login page: where it goes, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}

    @classmethod
    def parse(cls, html: str) -> LoginForm:
        form = cls()
        form.feed(html)
        return form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "form":
            self.action = named.get("action") or ""
        elif tag == "input" and named.get("type") == "hidden":
            self.hidden[named.get("name") or ""] = named.get("value") or ""


async def expect(reply: aiohttp.ClientResponse, status: int) -> Any:
    body = await reply.text()
    if reply.status != status:
        raise RuntimeError(f"the org answered HTTP {reply.status} to {reply.method} {reply.url.path}: {body[:300]}")
    return json.loads(body) if body else None
