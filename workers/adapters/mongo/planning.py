"""What the plan of a write-back run asks: a million documents a minute, so nothing of them but what counts is read."""

from __future__ import annotations

from collections.abc import Collection as Some
from typing import Any, Literal

from bson import CodecOptions
from pymongo import ASCENDING

from schemas.documents import Engagement, Insight, InsightFields, Member, Record
from workers.adapters.mongo.codec import document_id
from workers.adapters.mongo.collection import Collection
from workers.adapters.mongo.driver import Row
from workers.adapters.mongo.specs import CONVERTED_LEAD, MERGED
from workers.ports import Accepted, D, Merged, Mirrored, Scored

DEFAULT = InsightFields()

CONVERTED_LEADS = [("_id", ASCENDING), ("fields.ConvertedContactId", ASCENDING)]
"""The server, if it may choose, takes the index of all records where there are few."""

PLAIN: CodecOptions[dict[str, Any]] = CodecOptions()
"""Values go nowhere but into comparisons: 64-bit integers may stay what the driver makes of them."""


def _living(of_accounts: bool) -> Row:
    """The ids of living contributions: the server sifts them in a third of the time that whole members take to travel
    and be decoded (6 and 3 us against 4 and 19, mongod and client)."""
    account = {"$eq": ["$$one.v.entity", "account"]}
    belongs = account if of_accounts else {"$not": [account]}
    living = {"$and": [{"$ne": ["$$one.v.gone", True]}, belongs]}
    sifted = {"$filter": {"input": {"$objectToArray": "$contributions"}, "as": "one", "cond": living}}
    return {"ids": {"$map": {"input": sifted, "as": "one", "in": "$$one.k"}}}


class MongoPlanningQueries:
    def __init__(
        self,
        engagement: Collection[Engagement],
        people: Collection[Member],
        accounts: Collection[Member],
        records: Collection[Record],
        insights: Collection[Insight],
    ) -> None:
        self._engagement = engagement
        self._members = {"person": people, "account": accounts}
        self._records = records
        self._insights = insights

    async def scores(self, team: str, after: str, limit: int) -> list[Scored]:
        cursor = self._engagement.mongo.with_options(PLAIN).find(
            {"_id": {"$gt": document_id(team, after), "$lt": f"{team};"}},
            {"score": 1, "last_engagement_at_ms": 1, "scored_at_ms": 1},
            sort=[("_id", ASCENDING)],
            limit=limit,
            batch_size=limit,
        )
        begin = len(team) + 1
        with self._engagement.errors.translated():
            return [
                (row["_id"][begin:], row["score"], row["last_engagement_at_ms"], row["scored_at_ms"])
                for row in await cursor.to_list(None)
            ]

    async def sources(self, team: str, subject: Literal["person", "account"], keys: Some[str]) -> dict[str, list[str]]:
        rows = await _named(self._members[subject], team, keys, _living(subject == "account"))
        begin = len(team) + 1
        return {row["_id"][begin:]: sorted(row["ids"]) for row in rows}

    async def converted(self, team: str, lead_ids: Some[str]) -> dict[str, str | None]:
        """From an index of converted leads alone: of the others nothing is read."""
        shown = {"fields.ConvertedContactId": 1}
        rows = await _named(self._records, team, lead_ids, shown, CONVERTED_LEAD, CONVERTED_LEADS)
        begin = len(team) + 1
        return {row["_id"][begin:]: row.get("fields", {}).get("ConvertedContactId") for row in rows}

    async def merged(self, team: str) -> list[Merged]:
        shown = {"record_id": 1, "survivor": 1, "last_known.value": 1}
        cursor = self._records.mongo.with_options(PLAIN).find({**MERGED, "team": team}, shown)
        with self._records.errors.translated():
            return [
                Merged(row["record_id"], row["survivor"], row.get("last_known", {}).get("value"))
                for row in await cursor.to_list(None)
            ]

    async def accepted(self, team: str, record_ids: Some[str]) -> dict[str, Accepted]:
        """Documents of an earlier version do not name the fields: they were the ones that are named by default."""
        names = ("score", "last_engagement_date", "score_field", "date_field", "rev")
        rows = await _named(self._insights, team, record_ids, dict.fromkeys(names, 1))
        begin, score_field, date_field = len(team) + 1, DEFAULT.score, DEFAULT.date
        return {
            row["_id"][begin:]: (
                (
                    row["score"],
                    row["last_engagement_date"],
                    row.get("score_field", score_field),
                    row.get("date_field", date_field),
                ),
                row["rev"],
            )
            for row in rows
        }

    async def mirrored(self, team: str, record_ids: Some[str], names: Some[str]) -> dict[str, Mirrored]:
        shown = {"record_id": 1, "alive": 1, **{f"fields.{name}": 1 for name in names}}
        rows = await _named(self._records, team, record_ids, shown)
        return {row["record_id"]: Mirrored(row["alive"], row.get("fields", {})) for row in rows}


async def _named(
    collection: Collection[D],
    team: str,
    ids: Some[str],
    shown: Row,
    condition: Row | None = None,
    index: list[tuple[str, int]] | None = None,
) -> list[Row]:
    """What exists of the documents with these ids, in one reply; by which index where the server could choose."""
    if not ids:
        return []
    wanted = {"_id": {"$in": sorted(document_id(team, each) for each in ids)}, **(condition or {})}
    cursor = collection.mongo.with_options(PLAIN).find(wanted, shown, batch_size=len(ids) + 1, hint=index)
    with collection.errors.translated():
        return await cursor.to_list(None)
