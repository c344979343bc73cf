"""The orgs of all connected teams over one HTTP session."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import aiohttp

from schemas.documents import Connection
from workers.adapters.salesforce.api import Api
from workers.adapters.salesforce.bulk import Bulk
from workers.adapters.salesforce.cometd import CometdStream, Handshakes
from workers.adapters.salesforce.custom_fields import CustomFields
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.inspection import Inspection
from workers.adapters.salesforce.record_collections import Collections
from workers.adapters.salesforce.rest import Rest
from workers.adapters.salesforce.tokens import Tokens, same_org
from workers.adapters.salesforce.urls import checked_org_url
from workers.adapters.secrets import TokenCipher
from workers.core.budget import Shares
from workers.ports import ChangeStream, Clock, Documents, SalesforceOrg
from workers.runtime.usage import UsageMeter


class Org(Rest, Bulk, Collections, Inspection, CustomFields):
    """`SalesforceOrg` of one team."""


@dataclass(frozen=True, slots=True)
class _Opened:
    tokens: Tokens
    org: Org


class Orgs:
    """`SalesforceOrgs`: one token provider and one client per team, kept until the team is connected to another org.

    A rotated refresh token, a changed state or a new authorisation gives the connection a new revision: the client
    and its access token stay good. Create inside a running event loop and `close` at the end.
    """

    def __init__(
        self,
        connections: Documents[Connection],
        cipher: TokenCipher,
        clock: Clock,
        *,
        allow_insecure_loopback: bool = False,
        session: aiohttp.ClientSession | None = None,
        shares: Shares | None = None,
    ) -> None:
        self._connections = connections
        self._cipher = cipher
        self._clock = clock
        self._allow_insecure_loopback = allow_insecure_loopback
        self._session = session or open_session()
        self._shares = shares or Shares()
        self._meters: dict[str, UsageMeter] = {}
        self._opened: dict[str, _Opened] = {}
        self._handshakes = Handshakes()

    def org(self, connection: Connection) -> SalesforceOrg:
        return self._open(connection).org

    def stream(self, connection: Connection) -> ChangeStream:
        tokens = self._open(connection).tokens
        return CometdStream(tokens, self._clock, self._handshakes, self._meters[connection.team].delivered)

    def meters(self) -> Collection[UsageMeter]:
        """What was asked of each org so far."""
        return self._meters.values()

    async def close(self) -> None:
        for opened in self._opened.values():
            await opened.tokens.close()
        await self._session.close()

    def _open(self, connection: Connection) -> _Opened:
        known = self._opened.get(connection.team)
        if known is not None and same_org(known.tokens.connection, connection):
            known.tokens.adopt(connection)
            return known
        checked_org_url(connection.instance_url, allow_insecure_loopback=self._allow_insecure_loopback)
        meter = self._meters.setdefault(connection.team, UsageMeter(connection.team, self._clock, self._shares))
        tokens = Tokens(
            connection,
            self._connections,
            self._cipher,
            self._session,
            self._clock,
            allow_insecure_loopback=self._allow_insecure_loopback,
            granted=meter.granted,
        )
        self._opened[connection.team] = _Opened(tokens, Org(Api(tokens, self._session, meter)))
        return self._opened[connection.team]
