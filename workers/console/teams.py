"""A team and its one Salesforce org."""

from __future__ import annotations

from schemas.documents import Connection
from workers.ports import Refused, Store, Unavailable


async def save_connection(store: Store, connection: Connection) -> Connection:
    """Connect, or reconnect the same org; a second org is refused, since rules and people belong to the first."""
    stored = (await store.connections.load([(connection.team, connection.team)])).get(
        (connection.team, connection.team)
    )
    if stored is not None and stored.org_id != connection.org_id:
        raise Refused(
            f"team {connection.team} is connected to org {stored.org_id}; a team has one Salesforce org. "
            f"Use another team for org {connection.org_id}"
        )
    revised = connection.model_copy(update={"rev": stored.rev if stored else 0})
    if await store.connections.swap([revised]):
        raise Unavailable(f"team {connection.team} is being connected by somebody else: try again")
    return revised
