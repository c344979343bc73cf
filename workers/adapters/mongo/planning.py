"""What the plan of a write-back run asks: a million documents a minute, so nothing of them but what counts is read."""

from __future__ import annotations

from collections.abc import Collection as Some
from typing import Literal, cast

from pymongo import ASCENDING

from schemas.documents import Engagement, Insight, InsightFields, Member, Record
from schemas.events import Entity
from workers.adapters.mongo.codec import document_id
from workers.adapters.mongo.collection import Collection
from workers.adapters.mongo.driver import Row
from workers.adapters.mongo.specs import CONVERTED_LEAD
from workers.core.writeback import Values
from workers.ports import Accepted, D, Mirrored, Scored

ID_CHARACTERS = 18
DEFAULT = InsightFields()


def _living(of_accounts: bool) -> Row:
    """A text per living contribution, its record's id and entity: the server sifts them in a third of the time that
    whole members take to travel and be decoded (6 and 3 us against 4 and 19, mongod and client)."""
    account = {"$eq": ["$$one.v.entity", "account"]}
    belongs = account if of_accounts else {"$not": [account]}
    living = {"$and": [{"$ne": ["$$one.v.gone", True]}, belongs]}
    return {
        "sources": {
            "$map": {
                "input": {
                    "$filter": {"input": {"$objectToArray": "$contributions"}, "as": "one", "cond": living},
                },
                "as": "one",
                "in": {"$concat": ["$$one.k", "$$one.v.entity"]},
            }
        }
    }


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
        names = ("subject", "key", "score", "last_engagement_at_ms", "scored_at_ms")
        cursor = self._engagement.mongo.find(
            {"_id": {"$gt": document_id(team, after), "$lt": f"{team};"}},
            {"_id": 0, **dict.fromkeys(names, 1)},
            sort=[("_id", ASCENDING)],
            limit=limit,
            batch_size=limit,
        )
        with self._engagement.errors.translated():
            return [Scored(*map(row.__getitem__, names)) for row in await cursor.to_list(None)]

    async def sources(
        self, team: str, subject: Literal["person", "account"], keys: Some[str]
    ) -> dict[str, list[tuple[Entity, str]]]:
        rows = await _named(self._members[subject], team, keys, _living(subject == "account"))
        begin = len(team) + 1
        return {
            row["_id"][begin:]: [
                (cast("Entity", one[ID_CHARACTERS:]), one[:ID_CHARACTERS]) for one in sorted(row["sources"])
            ]
            for row in rows
        }

    async def converted(self, team: str, lead_ids: Some[str]) -> dict[str, str | None]:
        """From an index of converted leads alone: of the others nothing is read."""
        shown = {"fields.ConvertedContactId": 1}
        rows = await _named(self._records, team, lead_ids, shown, CONVERTED_LEAD)
        begin = len(team) + 1
        return {row["_id"][begin:]: row.get("fields", {}).get("ConvertedContactId") for row in rows}

    async def accepted(self, team: str, record_ids: Some[str]) -> dict[str, Accepted]:
        names = ("record_id", "score", "last_engagement_date", "score_field", "date_field")
        rows = await _named(self._insights, team, record_ids, dict.fromkeys(names, 1))
        return {row["record_id"]: _accepted(row) for row in rows}

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
) -> list[Row]:
    """What exists of the documents with these ids, in one reply."""
    if not ids:
        return []
    wanted = {"_id": {"$in": sorted(document_id(team, each) for each in ids)}, **(condition or {})}
    cursor = collection.mongo.find(wanted, shown, batch_size=len(ids) + 1)
    with collection.errors.translated():
        return await cursor.to_list(None)


def _accepted(row: Row) -> Accepted:
    """Documents of an earlier version do not name the fields: they were the ones that are named by default."""
    fields = (row.get("score_field", DEFAULT.score), row.get("date_field", DEFAULT.date))
    return Accepted(Values(row["score"], row["last_engagement_date"]), fields)
