"""The rows of write-back runs behind the port `WritebackRows`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pymongo import UpdateMany

from schemas.documents import WritebackRow
from workers.adapters.mongo.codec import document_id
from workers.adapters.mongo.collection import Collection


class WritebackRowCollection(Collection[WritebackRow]):
    async def note_accepted(self, rows: Sequence[WritebackRow], number: int) -> list[WritebackRow]:
        """A miss is counted, not named: all may have been missed then."""
        if not rows:
            return []
        ids_by_rev: dict[int, list[str]] = defaultdict(list)
        for row in rows:
            ids_by_rev[row.rev].append(document_id(row.team, self.spec.id_of(row)))
        accepted = {
            "$set": {"outcome": "accepted", "error": None, "code": None, "round": number},
            "$inc": {"rev": 1},
        }
        operations = [UpdateMany({"_id": {"$in": ids}, "rev": rev}, accepted) for rev, ids in ids_by_rev.items()]
        matched, error = await self.bulk(operations)
        if error is not None:
            self.taken([ids[0] for ids in ids_by_rev.values()], error)
        return [] if matched == len(rows) else list(rows)
