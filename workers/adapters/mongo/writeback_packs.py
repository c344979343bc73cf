"""Questions about the rows of write-back runs, behind the port `WritebackPackQueries`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection as Some

from pymongo import ASCENDING

from schemas.documents import WritebackPack, WritebackRun
from schemas.events import Entity
from workers.adapters.mongo.codec import decode, document_id
from workers.adapters.mongo.collection import Collection
from workers.adapters.mongo.driver import Row
from workers.core.writeback.packs import sheet_id

BY_OUTCOME = [("_tally.outcome", ASCENDING), ("_id", ASCENDING)]
BY_ID = [("_id", ASCENDING)]


class MongoWritebackPackQueries:
    def __init__(self, packs: Collection[WritebackPack]) -> None:
        self._packs = packs

    async def in_order(
        self, run: WritebackRun, begin: str, until: str, outcomes: Some[str] | None, limit: int
    ) -> list[WritebackPack]:
        """One scan of the index for each outcome, merged in the order of the ids."""
        condition: Row = {"_id": {"$gte": _id(run, begin), "$lte": _id(run, until)}}
        hint = BY_ID
        if outcomes is not None:
            condition["_tally.outcome"], hint = {"$in": sorted(outcomes)}, BY_OUTCOME
        cursor = self._packs.mongo.find(condition, limit=limit, sort=BY_ID, hint=hint)
        with self._packs.errors.translated():
            return [decode(self._packs.spec, row) for row in await cursor.to_list(None)]

    async def of_record(self, team: str, record_id: str, run_ids: Some[str]) -> list[WritebackPack]:
        return await self._packs.find({"team": team, "record_ids": record_id, "run_id": {"$in": sorted(run_ids)}})

    async def tally(self, run: WritebackRun) -> dict[tuple[Entity, str, str | None], int]:
        tally: Counter[tuple[Entity, str, str | None]] = Counter()
        for row in await self._shown(run, "entity", "_tally"):
            for of in row["_tally"]:
                tally[row["entity"], of["outcome"], of["code"]] += of["rows"]
        return dict(tally)

    async def sent_again(self, run: WritebackRun) -> int:
        return sum(row["_sent_again"] for row in await self._shown(run, "_sent_again"))

    async def _shown(self, run: WritebackRun, *names: str) -> list[Row]:
        condition = {"_id": {"$gte": _id(run, ""), "$lte": _id(run, "~")}}
        with self._packs.errors.translated():
            return await self._packs.mongo.find(condition, dict.fromkeys(names, 1)).to_list(None)

    async def forget(self, team: str, before: str, limit: int) -> int:
        """Ids begin with the run's, and so with its date."""
        old = {"_id": {"$gt": document_id(team, ""), "$lt": document_id(team, before)}}
        found = self._packs.mongo.find(old, {"_tally": 1}, limit=limit, sort=BY_ID)
        with self._packs.errors.translated():
            rows = await found.to_list(None)
            if rows:
                await self._packs.mongo.delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
        return sum(of["rows"] for row in rows for of in row["_tally"])


def _id(run: WritebackRun, place: str) -> str:
    return document_id(run.team, f"{sheet_id(run.run_id, run.sheet)}:{place}")
