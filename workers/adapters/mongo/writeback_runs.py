"""Questions about write-back runs, behind the port `WritebackRunQueries`."""

from __future__ import annotations

from pymongo import DESCENDING

from schemas.documents import WritebackRun
from workers.adapters.mongo.codec import decode
from workers.adapters.mongo.collection import Collection
from workers.adapters.mongo.driver import Row
from workers.adapters.mongo.specs import GOING_ON
from workers.ports import RUN_FIGURES, RunTotals

SKIPPED: Row = {"$sum": {"$map": {"input": {"$objectToArray": "$skipped"}, "in": "$$this.v"}}}
"""Of one run, for all reasons together."""

NEWEST_FIRST = [("started_at_ms", DESCENDING), ("run_id", DESCENDING)]


class MongoWritebackRunQueries:
    def __init__(self, runs: Collection[WritebackRun]) -> None:
        self._runs = runs

    async def newest(self, team: str, before: tuple[int, str] | None, limit: int) -> list[WritebackRun]:
        if limit < 1:  # to the server, 0 is no limit
            return []
        condition: Row = {"team": team}
        if before is not None:
            at_ms, run_id = before
            # The bound of the index, and within it the runs that began in the same millisecond.
            condition["started_at_ms"] = {"$lte": at_ms}
            condition["$or"] = [{"started_at_ms": {"$lt": at_ms}}, {"run_id": {"$lt": run_id}}]
        with self._runs.errors.translated():
            rows = await self._runs.mongo.find(condition, limit=limit, sort=NEWEST_FIRST).to_list(None)
        return [decode(self._runs.spec, row) for row in rows]

    async def ended_since(self, at_ms: int) -> dict[str, RunTotals]:
        sums = {name: {"$sum": SKIPPED if name == "skipped" else f"${name}"} for name in RUN_FIGURES}
        longest = {"$max": {"$subtract": ["$finished_at_ms", "$started_at_ms"]}}
        groups = await self._runs.groups(
            {"$match": {"finished_at_ms": {"$gt": 0, "$gte": at_ms}}},
            {"$group": {"_id": "$state", "runs": {"$sum": 1}, "longest_ms": longest, **sums}},
        )
        return {
            group["_id"]: RunTotals(group["runs"], {name: group[name] for name in RUN_FIGURES}, group["longest_ms"])
            for group in groups
        }

    async def going_on(self) -> list[int]:
        """Answered from the index alone."""
        shown = {"_id": 0, "started_at_ms": 1}
        wanted = self._runs.mongo.find(GOING_ON, shown, sort=[("started_at_ms", 1)])
        with self._runs.errors.translated():
            return [row["started_at_ms"] for row in await wanted.to_list(None)]
