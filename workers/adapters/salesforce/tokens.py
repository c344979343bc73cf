"""The access token of one connection: one for all processes, refreshed once for all who wait.

With refresh token rotation each refresh invalidates the token it was made with, and trying an invalid one may end every
token of the approval. Hence a lease on the connection document before a token is spent, and the new one is stored
(compare-and-swap) before the access token that came with it is used. What remains: a process that dies between the
reply of the token endpoint and the write has taken the only good refresh token with it, and the team must reconnect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

import aiohttp

from schemas.documents import Connection
from workers.adapters.salesforce.assertions import JWT_BEARER, assertion
from workers.adapters.salesforce.errors import SalesforceRefused
from workers.adapters.salesforce.names import reconnect
from workers.adapters.salesforce.token_endpoint import TOKEN_SECONDS, Grant, request_grant
from workers.adapters.secrets import TokenCipher
from workers.ports import Clock, Documents, Refused, Unavailable

REREAD_PAUSES_SECONDS = (0.0, 0.3, 1.0)
"""How long another process that has just rotated the token may need to store the new one: a majority write."""

CLOSE_SECONDS = 4.0
"""Processes have 5 s for a clean stop."""

LEASE_MS = round((TOKEN_SECONDS + 5) * 1000)
"""The longest that a refresh takes: the request, and storing what it brought."""

LEASE_LOOK_SECONDS = 0.2
"""Between two looks at whether another process has brought the new token."""

SWAP_ATTEMPTS = 5
"""Other writers of a connection are people and the lease; losing so often in a row means that the store misbehaves."""


@dataclass(frozen=True, slots=True)
class Access:
    token: str = field(repr=False)
    instance_url: str


@dataclass(frozen=True, slots=True)
class _Granted:
    """What a refresh brought, and the secret that it used up."""

    used: dict[str, str] = field(repr=False)
    secret: dict[str, str] = field(repr=False)
    access: Access


class Tokens:
    """One per connected team, shared by its REST, Bulk and CometD clients."""

    def __init__(
        self,
        connection: Connection,
        connections: Documents[Connection],
        cipher: TokenCipher,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        allow_insecure_loopback: bool = False,
        granted: Callable[[], None] = lambda: None,
    ) -> None:
        """`granted` is told of every token that the org grants to this process."""
        self.connection = connection
        self._tell_granted = granted
        self._clock = clock
        self._connections = connections
        self._cipher = cipher
        self._session = session
        self._allow_insecure_loopback = allow_insecure_loopback
        self._access: Access | None = None
        self._rejected: Access | None = None
        self._refreshing: asyncio.Task[Access] | None = None
        self._granted: _Granted | None = None
        """Until it is stored."""
        self._lease_until_ms: int | None = None
        """As this process has written it."""

    def __repr__(self) -> str:
        return f"Tokens(team={self.connection.team!r})"

    async def access(self) -> Access:
        """The current token, fetched when there is none. Raises `Refused` (reconnect the team) or `Unavailable`."""
        return self._access or await self._refresh_once()

    async def renew(self, stale: Access) -> Access:
        """A token other than `stale`, which Salesforce has just rejected. Raises as `access`."""
        self.discard(stale)
        return await self.access()

    def discard(self, stale: Access) -> None:
        """Forget a rejected token, unless somebody has replaced it already."""
        self._rejected = stale
        if self._access == stale:
            self._access = None

    def adopt(self, connection: Connection) -> None:
        """Take over a newer revision of the connection: rotated by another process, or authorised anew.

        Raises `Unavailable` when it leads to another org: what was opened for the old one must be opened again.
        """
        if not same_org(connection, self.connection):
            raise Unavailable(f"team {connection.team} has been connected to another org meanwhile")
        if connection.rev > self.connection.rev:
            self.connection = connection

    async def close(self) -> None:
        """Let a refresh under way end: cut off between grant and store, it would lose a rotated token."""
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing], timeout=CLOSE_SECONDS)

    async def _refresh_once(self) -> Access:
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh())
            self._refreshing.add_done_callback(self._refreshed)
        # Shielded: a caller that is cancelled must neither stop the others nor lose a rotated token.
        return await asyncio.shield(self._refreshing)

    def _refreshed(self, task: asyncio.Task[Access]) -> None:
        self._refreshing = None
        if not task.cancelled() and task.exception() is None:
            self._access = task.result()

    async def _refresh(self) -> Access:
        while True:
            await self._store_granted()
            await self._reread()
            if (shared := self._shared()) is not None:
                return shared
            self._require_hope()
            if not await self._lease():
                await asyncio.sleep(LEASE_LOOK_SECONDS)
                continue
            if (access := await self._spend(self._secret())) is not None:
                return access

    def _shared(self) -> Access | None:
        """What another process, or one before this, has stored; None when Salesforce has rejected it."""
        if self.connection.access is None:
            return None
        opened = self._cipher.open(self.connection.team, self.connection.access)
        access = Access(opened["token"], opened["instance_url"])
        return None if access == self._rejected else access

    def _require_hope(self) -> None:
        """Raises what whoever tried this refresh token was told, so that not every process tries it in its turn."""
        refused = self.connection.refused_secret
        if refused is not None and refused == fingerprint(self._secret()):
            raise self._dead(SalesforceRefused("its refresh token was refused before", "invalid_grant"))

    async def _lease(self) -> bool:
        """Whether it is for this process to ask for a token."""
        if self.connection.rev == 0:
            return True  # client credentials that are tried before they are stored
        until_ms, now_ms = self.connection.refresh_until_ms, self._clock.now_ms()
        # A clock that runs behind must not make a lease eternal.
        if until_ms is not None and now_ms < until_ms <= now_ms + LEASE_MS:
            return False
        self._lease_until_ms = now_ms + LEASE_MS
        return await self._swapped({"refresh_until_ms": self._lease_until_ms})

    async def _spend(self, used: dict[str, str]) -> Access | None:
        """Ask for a token. None: another process has stored a newer refresh token meanwhile."""
        try:
            grant = await self._grant(used)
            self._check_same_org(grant)
        except SalesforceRefused as error:
            refused = error.code == "invalid_grant" and "refresh_token" in used
            if refused and await self._replaced_by_another(used):
                await self._release()
                return None
            await self._release(fingerprint(used) if refused else None)
            raise self._dead(error) from error
        except (Refused, Unavailable):
            await self._release()
            raise
        self._tell_granted()
        access = Access(grant.access_token, grant.instance_url)
        secret = {**used, "refresh_token": grant.refresh_token} if grant.refresh_token else used
        self._granted = _Granted(used, secret, access)
        await self._store_granted()
        return access

    async def _grant(self, secret: dict[str, str]) -> Grant:
        connection = self.connection
        form = {"client_id": connection.client_id, "grant_type": "refresh_token", **secret}
        if connection.grant == "client_credentials":
            form["grant_type"] = "client_credentials"
        elif connection.grant == "jwt_bearer":
            form = {"grant_type": JWT_BEARER, "assertion": assertion(connection, secret, self._clock.now_ms())}
        return await request_grant(
            self._session, connection.login_url, form, allow_insecure_loopback=self._allow_insecure_loopback
        )

    def _secret(self) -> dict[str, str]:
        return self._cipher.open(self.connection.team, self.connection.secret)

    async def _replaced_by_another(self, used: dict[str, str]) -> bool:
        """Whether the store comes to hold another secret than the one just refused."""
        for pause_seconds in REREAD_PAUSES_SECONDS:
            await asyncio.sleep(pause_seconds)
            await self._reread()
            if self._secret() != used:
                return True
        return False

    async def _store_granted(self) -> None:
        """Store what a refresh has brought, also an earlier one whose result is still only in memory."""
        if self._granted is None or self.connection.rev == 0:
            return
        granted, team = self._granted, self.connection.team
        for _ in range(SWAP_ATTEMPTS):
            # When somebody has stored another secret, the team was connected anew: that one is the newer.
            if self._secret() != granted.used or await self._swapped(
                {
                    "secret": self._cipher.seal(team, granted.secret),
                    "access": self._cipher.seal(
                        team, {"token": granted.access.token, "instance_url": granted.access.instance_url}
                    ),
                    "refresh_until_ms": None,
                }
            ):
                self._granted = None
                return
            await self._reread()
        raise Unavailable(f"the new tokens of team {team} could not be stored")

    async def _release(self, refused_secret: str | None = None) -> None:
        """Let others try, or tell them that it is in vain. Best effort: a lease ends by itself."""
        if self.connection.rev > 0 and self.connection.refresh_until_ms == self._lease_until_ms:
            await self._swapped({"refresh_until_ms": None, "refused_secret": refused_secret})

    async def _swapped(self, update: dict[str, object]) -> bool:
        document = self.connection.model_copy(update=update)
        if await self._connections.swap([document]):
            return False
        self.connection = document.model_copy(update={"rev": document.rev + 1})
        return True

    async def _reread(self) -> None:
        """Raises `Refused` when the connection is gone. Client credentials may be tried before they are stored; a
        refresh token may not, since it could be rotated."""
        key = (self.connection.team, self.connection.team)
        found = await self._connections.load([key])
        if key in found:
            self.adopt(found[key])
        elif self.connection.rev > 0 or self.connection.grant != "client_credentials":
            raise Refused(f"no Salesforce connection of team {self.connection.team} is stored")

    def _check_same_org(self, grant: Grant) -> None:
        """A login host that suddenly answers for another org would mix two customers' data."""
        stored, team = self.connection, self.connection.team
        if grant.org_id[:15] != stored.org_id[:15] or grant.instance_url != stored.instance_url.rstrip("/"):
            raise Refused(
                f"Salesforce's token for team {team} belongs to org {grant.org_id} at {grant.instance_url}, "
                f"but the team was connected to org {stored.org_id} at {stored.instance_url}: {reconnect(team)}"
            )

    def _dead(self, error: SalesforceRefused) -> SalesforceRefused:
        team = self.connection.team
        return SalesforceRefused(f"team {team} has no valid authorisation: {error}; {reconnect(team)}", error.code)


def fingerprint(secret: dict[str, str]) -> str:
    """Of a refresh token, which is as random as a key: its hash gives nothing away."""
    return sha256(secret.get("refresh_token", "").encode()).hexdigest()


def same_org(one: Connection, other: Connection) -> bool:
    return (one.team, one.org_id, one.instance_url) == (other.team, other.org_id, other.instance_url)
