"""The access token of one connection: kept, refreshed once for all who wait, and its refresh token kept alive.

With refresh token rotation each refresh invalidates the token it was made with. The new one is therefore stored
(compare-and-swap) before the access token that came with it is used, and a refusal is only believed once no other
process has stored a newer one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import aiohttp

from schemas.documents import Connection
from workers.adapters.salesforce.errors import SalesforceRefused
from workers.adapters.salesforce.names import reconnect
from workers.adapters.salesforce.token_endpoint import Grant, request_grant
from workers.adapters.secrets import TokenCipher
from workers.ports import Documents, Refused, Unavailable

REREAD_PAUSES_SECONDS = (0.0, 0.3, 1.0)
"""How long another process that has just rotated the token may need to store the new one: a majority write."""

CLOSE_SECONDS = 4.0
"""Processes have 5 s for a clean stop."""

REFRESH_ATTEMPTS = 3
"""Each further one follows a refresh token that another process has stored."""

SWAP_ATTEMPTS = 5
"""Other writers of a connection are people; losing five times in a row means that the store misbehaves."""


@dataclass(frozen=True, slots=True)
class Access:
    token: str = field(repr=False)
    instance_url: str


class Tokens:
    """One per connected team, shared by its REST, Bulk and CometD clients."""

    def __init__(
        self,
        connection: Connection,
        connections: Documents[Connection],
        cipher: TokenCipher,
        session: aiohttp.ClientSession,
        *,
        allow_insecure_loopback: bool = False,
    ) -> None:
        self.connection = connection
        self._connections = connections
        self._cipher = cipher
        self._session = session
        self._allow_insecure_loopback = allow_insecure_loopback
        self._access: Access | None = None
        self._refreshing: asyncio.Task[Access] | None = None
        self._rotated: tuple[dict[str, str], dict[str, str]] | None = None
        """The secret that was used up and the one that replaces it, until the latter is stored."""

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
        for _ in range(REFRESH_ATTEMPTS):
            await self._store_rotated()
            # A token that another process has used up must not be tried: Salesforce may then revoke its successors.
            await self._reread()
            used = self._secret()
            try:
                grant = await self._grant(used)
            except SalesforceRefused as error:
                if error.code != "invalid_grant" or not await self._replaced_by_another(used):
                    raise self._dead(error) from error
                continue
            self._check_same_org(grant)
            if grant.refresh_token and grant.refresh_token != used.get("refresh_token"):
                self._rotated = (used, {**used, "refresh_token": grant.refresh_token})
                await self._store_rotated()
            return Access(grant.access_token, grant.instance_url)
        raise Unavailable(f"the refresh token of team {self.connection.team} is being replaced again and again")

    async def _grant(self, secret: dict[str, str]) -> Grant:
        form = {"client_id": self.connection.client_id, **secret}
        if self.connection.grant == "client_credentials":
            form["grant_type"] = "client_credentials"
        else:
            form["grant_type"] = "refresh_token"
        return await request_grant(
            self._session,
            self.connection.login_url,
            form,
            allow_insecure_loopback=self._allow_insecure_loopback,
        )

    def _secret(self) -> dict[str, str]:
        return self._cipher.open(self.connection.team, self.connection.secret)

    async def _replaced_by_another(self, used: dict[str, str]) -> bool:
        """Whether the store comes to hold another secret than the one just refused."""
        if "refresh_token" not in used:
            return False
        for pause_seconds in REREAD_PAUSES_SECONDS:
            await asyncio.sleep(pause_seconds)
            await self._reread()
            if self._secret() != used:
                return True
        return False

    async def _store_rotated(self) -> None:
        """Store a rotated refresh token that is still only in memory, also one that an earlier attempt left there."""
        if self._rotated is None:
            return
        used, rotated = self._rotated
        for _ in range(SWAP_ATTEMPTS):
            # When somebody has stored another secret, the team was connected anew: that one is the newer.
            if self._secret() != used or await self._swapped(rotated):
                self._rotated = None
                return
            await self._reread()
        raise Unavailable(f"the new refresh token of team {self.connection.team} could not be stored")

    async def _swapped(self, secret: dict[str, str]) -> bool:
        document = self.connection.model_copy(update={"secret": self._cipher.seal(self.connection.team, secret)})
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


def same_org(one: Connection, other: Connection) -> bool:
    return (one.team, one.org_id, one.instance_url) == (other.team, other.org_id, other.instance_url)
