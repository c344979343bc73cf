"""The rows of write-back runs behind the port `WritebackRows`."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.documents import WritebackRow
from workers.adapters.mongo.collection import Collection


class WritebackRowCollection(Collection[WritebackRow]):
    async def note_accepted(self, rows: Sequence[WritebackRow], number: int) -> list[WritebackRow]:
        """A miss is counted, not named: all may have been missed then."""
        accepted = {
            "$set": {"outcome": "accepted", "error": None, "code": None, "round": number},
            "$inc": {"rev": 1},
        }
        return [] if await self.note(rows, accepted) == len(rows) else list(rows)
