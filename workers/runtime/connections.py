"""The connection of a team."""

from __future__ import annotations

from schemas.documents import Connection
from workers.ports import Refused, Store


async def connection_of(store: Store, team: str) -> Connection:
    """Raises Refused when the team is not connected."""
    connection = (await store.connections.load([(team, team)])).get((team, team))
    if connection is None:
        raise Refused(f"team {team} is not connected: `segment-sync connections connect {team}` connects it")
    return connection
