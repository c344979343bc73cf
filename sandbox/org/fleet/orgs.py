"""Many orgs in one process on one port, each with its own data, users, tokens, events, ledger, faults and clock.

An org is made when it is first asked for; until then it costs only its configuration.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from aiohttp.http_parser import RawRequestMessage
from yarl import URL

from sandbox.org.config import OrgConfig
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.seeding.fill import seed
from sandbox.org.server import RunningOrg, open_org
from sandbox.org.store.org import Org

#: Below this an org is found on the host that all share.
ORGS_PATH = "/o/"
# A DNS label that cannot be the start of an IP address.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
# Access tokens start with the 15-character id of their org.
_TOKEN = re.compile(r"(?:Bearer|OAuth) +(00D[0-9A-Za-z]{12})!", re.IGNORECASE)


@dataclass(slots=True)
class Member:
    """One org of a fleet; ``running`` is None until it is first asked for."""

    name: str
    config: OrgConfig
    running: RunningOrg | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)


def numbered(count: int, config: OrgConfig) -> dict[str, OrgConfig]:
    """``org-1`` to ``org-<count>`` like the given one, each with the next seed and its own user.

    The app is the same in all of them, as an installed one is.
    """
    return {f"org-{number}": alike(config, config.seed + number - 1) for number in range(1, count + 1)}


def alike(config: OrgConfig, seed: int) -> OrgConfig:
    """An org of another seed, whose user and secrets are its own."""
    return replace(config, seed=seed, username="", password="", security_token="")


class Fleet:
    """The orgs by name, and which of them a request is for."""

    def __init__(self, orgs: Mapping[str, OrgConfig]) -> None:
        self._members: dict[str, Member] = {}
        self._by_organization: dict[str, Member] = {}
        self.base_url = ""
        for name, config in orgs.items():
            self.add(name, config)

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter([*self._members.values()])

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def add(self, name: str, config: OrgConfig) -> Member:
        """A further org. ValueError when its name is taken or cannot be part of a host name."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for an org: letters, digits and hyphens, a letter first")
        if name in self._members:
            raise ValueError(f"there is an org {name} already")
        member = self._members[name] = Member(name, config)
        return member

    async def remove(self, name: str) -> None:
        """Close an org and forget it. KeyError when there is none of that name."""
        member = self._members.pop(name)
        if member.running is not None:
            del self._by_organization[member.running.org.organization_id[:15]]
            await member.running.close()

    async def open(self, name: str) -> RunningOrg:
        """The org of that name, made now if nobody asked for it before. KeyError when there is none."""
        return await self.opened(self._members[name])

    async def opened(self, member: Member) -> RunningOrg:
        async with member.opening:
            if member.running is None:
                org = Org(member.config)
                seed(org)
                member.running = await open_org(org, self.address(member))
                self._by_organization[org.organization_id[:15]] = member
        return member.running

    def address(self, member: Member) -> str:
        """The one that works without a name server."""
        return f"{self.base_url}{ORGS_PATH}{member.name}"

    def host_address(self, member: Member) -> str:
        """Where ``*.localhost`` is resolved: browsers do."""
        url = URL(self.base_url)
        return str(url.with_host(f"{member.name}.localhost")).rstrip("/")

    def summary(self, member: Member) -> dict[str, object]:
        """How to get at an org, and what there is of it if anybody did."""
        config, running = member.config, member.running
        known: dict[str, object] = {
            "name": member.name,
            "login_url": self.address(member),
            "host_url": self.host_address(member),
            "admin_url": self.address(member) + ADMIN_PREFIX,
            "client_id": config.client_id,
            "client_secret": config.client_secret,
            "username": config.username,
            "password": config.password,
            "security_token": config.security_token,
            "open": running is not None,
        }
        if running is not None:
            org = running.org
            known |= {
                "org_id": org.organization_id,
                "records": sum(org.count(name) for name in org.objects()),
                "ledger": len(org.ledger),
                "replay_id": org.events.tip,
                "cometd_sessions": len(running.cometd_sessions),
                "clock_offset_seconds": org.clock.offset_seconds,
            }
        return known

    def find(self, message: RawRequestMessage) -> tuple[Member | None, str]:
        """The org a request is for, and the path below which it is addressed.

        By path, by host name, or by the access token: clients that put a path behind the host of the instance URL
        lose the rest of that URL.
        """
        path = message.path
        if path.startswith(ORGS_PATH):
            name = re.split(r"[/?#]", path[len(ORGS_PATH) :], maxsplit=1)[0]
            return self._members.get(name), f"{ORGS_PATH}{name}"
        host = message.headers.get("Host", "").partition(".")[0].lower()
        if host in self._members:
            return self._members[host], ""
        token = _TOKEN.match(message.headers.get("Authorization", ""))
        member = None if token is None else self._by_organization.get(token[1])
        return member, "" if member is None else f"{ORGS_PATH}{member.name}"
