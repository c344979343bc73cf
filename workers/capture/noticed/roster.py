"""Which teams are connected, of all teams: kept up by what was written since the last look."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.documents import Connection
from workers.capture.noticed.looks import Looks
from workers.core.capture.shards import shard_of
from workers.ports import Store


class Roster:
    """The active connections."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looks = Looks(store)
        self._shards: dict[int, dict[str, Connection]] = {}

    def of(self, shard: int) -> Mapping[str, Connection]:
        """By team; replaced, not changed, by a look that finds other ones."""
        return self._shards.get(shard, {})

    async def look(self) -> None:
        """Raises Unavailable; what is known stays."""
        async with self._looks.look() as since:
            if since is None:
                found = await self._store.connection_queries.active()
                self._shards = {}
            else:
                found = await self._store.connection_queries.written_since(since)
            for connection in found:
                self._note(connection)

    def _note(self, connection: Connection) -> None:
        shard, team = shard_of(connection.team), connection.team
        known = self.of(shard)
        if known.get(team) == connection:
            return
        others = {name: other for name, other in known.items() if name != team}
        self._shards[shard] = others | ({team: connection} if connection.state == "active" else {})
