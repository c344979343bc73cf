"""Records behind the port `Records`."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.documents import Record
from workers.adapters.mongo.collection import Collection


class RecordCollection(Collection[Record]):
    async def note_unchanged(self, records: Sequence[Record], rule_set_version: int) -> None:
        older = {"rule_set_version": {"$lt": rule_set_version}}
        await self.note(records, {"$set": {"rule_set_version": rule_set_version}}, older)
