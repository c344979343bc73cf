"""The ports' questions, each answered by one index of `specs`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from collections.abc import Collection as Some

from bson import Timestamp
from pymongo import ASCENDING

from schemas.documents import Connection, Job, Member, Record, RuleSet
from schemas.events import Entity
from workers.adapters.mongo.codec import decode, document_id
from workers.adapters.mongo.collection import Collection
from workers.adapters.mongo.driver import Database, Row
from workers.adapters.mongo.errors import ErrorTable
from workers.adapters.mongo.specs import ASKS, IMPORTED_CONTACT, UNASKED, WRITTEN

PAGE_IDS = 1000

OVERLAP_SECONDS = 60
"""Between the moment that the server writes into a document and the one from which a majority shows it. A write waits
10 s for that (`collection.MAJORITY_WITHIN_MS`), one that nobody waits for any more arrives with a short election."""


class MongoRecordQueries:
    def __init__(self, records: Collection[Record]) -> None:
        self._records = records

    async def with_imported_contacts(self, accounts: Some[tuple[str, str]]) -> set[tuple[str, str]]:
        """One `distinct` per team: it seeks once per account, however many contacts an account has."""
        by_team: dict[str, list[str]] = defaultdict(list)
        for team, account_id in accounts:
            by_team[team].append(account_id)
        found = await asyncio.gather(*(self._followed(team, ids) for team, ids in by_team.items()))
        return {(team, account_id) for team, ids in zip(by_team, found, strict=True) for account_id in ids}

    async def _followed(self, team: str, account_ids: list[str]) -> list[str]:
        condition = {"team": team, **IMPORTED_CONTACT, "fields.AccountId": {"$in": account_ids}}
        with self._records.errors.translated():
            return await self._records.mongo.distinct("fields.AccountId", condition)

    async def older_than(self, team: str, rule_set_version: int, limit: int) -> list[tuple[Entity, str]]:
        if limit < 1:  # to the server, 0 is no limit
            return []
        shown = {"_id": 0, "entity": 1, "record_id": 1}
        wanted = self._records.mongo.find(_older(team, rule_set_version), shown, limit=limit)
        with self._records.errors.translated():
            return [(row["entity"], row["record_id"]) for row in await wanted.to_list(None)]

    async def due_by_date(self, now_ms: int, limit: int) -> list[Record]:
        return await self._records.find({"evaluate_at_ms": {"$gt": 0, "$lte": now_ms}}, limit)

    async def contacts_of(self, team: str, account_id: str) -> AsyncIterator[list[str]]:
        condition = {"team": team, "entity": "contact", "fields.AccountId": account_id}
        last = ""
        while True:
            with self._records.errors.translated():
                rows = await self._records.mongo.find(
                    {**condition, "_id": {"$gt": last}}, {"record_id": 1}, limit=PAGE_IDS, sort=[("_id", 1)]
                ).to_list(None)
            if rows:
                yield [row["record_id"] for row in rows]
            if len(rows) < PAGE_IDS:
                return
            last = rows[-1]["_id"]

    async def count_older_than(self, team: str, rule_set_version: int) -> int:
        return await self._records.count(_older(team, rule_set_version))

    async def count(self, team: str) -> dict[Entity, int]:
        groups = await self._records.groups(
            {"$match": {"team": team, "alive": True}}, {"$group": {"_id": "$entity", "n": {"$sum": 1}}}
        )
        return {group["_id"]: group["n"] for group in groups}

    async def living_ids(self, team: str, entity: Entity, after: str, limit: int) -> list[str]:
        condition = {"_id": _after(team, after), "entity": entity, "alive": True}
        wanted = self._records.mongo.find(condition, {"record_id": 1}, limit=limit, sort=[("_id", ASCENDING)])
        with self._records.errors.translated():
            return [row["record_id"] for row in await wanted.to_list(None)]

    async def asking_teams(self) -> set[str]:
        return await self._teams_with(ASKS)

    async def asking(self, team: str, after: str, limit: int) -> list[Record]:
        return await self._records.find({**ASKS, "team": team, "_id": _after(team, after)}, limit, sort="_id")

    async def unasked_teams(self) -> set[str]:
        return await self._teams_with(UNASKED)

    async def unasked(self, team: str, after: str, limit: int) -> list[Record]:
        return await self._records.find({**UNASKED, "team": team, "_id": _after(team, after)}, limit, sort="_id")

    async def _teams_with(self, mark: Row) -> set[str]:
        """Seeks once per team that has any."""
        with self._records.errors.translated():
            return set(await self._records.mongo.distinct("team", mark))

    async def in_list(self, team: str, list_id: str, after: str, limit: int) -> list[str]:
        condition = {"in_lists": list_id, "_id": _after(team, after)}
        wanted = self._records.mongo.find(condition, {"_id": 1}, limit=limit, sort=[("_id", ASCENDING)])
        with self._records.errors.translated():
            return [str(row["_id"]).removeprefix(f"{team}:") for row in await wanted.to_list(None)]

    def living(self, team: str, entity: Entity) -> AsyncIterator[Record]:
        return self._records.pages(team, {"entity": entity, "alive": True})

    async def sample(self, team: str, entity: Entity, size: int) -> list[Record]:
        condition = {"team": team, "alive": True, "entity": entity}
        drawn = await self._records.groups({"$match": condition}, {"$sample": {"size": size}})
        return [decode(self._records.spec, row) for row in drawn]

    async def skipped(self, team: str) -> dict[tuple[Entity, str], int]:
        groups = await self._records.groups(
            {"$match": {"team": team, "alive": True, "imported": False}},
            {"$group": {"_id": {"entity": "$entity", "reason": "$skip.reason"}, "n": {"$sum": 1}}},
        )
        reasons = ((group["_id"], group["n"]) for group in groups)
        return {(of["entity"], of["reason"]): n for of, n in reasons if of.get("reason")}

    def skipped_records(self, team: str, entity: Entity, reason: str) -> AsyncIterator[Record]:
        condition = {"team": team, "alive": True, "imported": False, "entity": entity, "skip.reason": reason}
        return self._records.pages(team, condition)


def _after(team: str, after: str) -> Row:
    """Of the team's ids; ";" is the character that follows ":"."""
    return {"$gt": document_id(team, after), "$lt": f"{team};"}


def _older(team: str, rule_set_version: int) -> Row:
    return {"team": team, "rule_set_version": {"$lt": rule_set_version}}


class MongoMemberQueries:
    def __init__(self, members: Collection[Member]) -> None:
        self._members = members

    async def count(self, team: str) -> int:
        return await self._members.count({"team": team, "alive": True})

    async def segment_sizes(self, team: str) -> dict[str, int]:
        groups = await self._members.groups(
            {"$match": {"team": team, "alive": True}},
            {"$unwind": "$segments"},
            {"$group": {"_id": "$segments", "n": {"$sum": 1}}},
        )
        return {group["_id"]: group["n"] for group in groups}

    def in_segment(self, team: str, segment_id: str) -> AsyncIterator[Member]:
        return self._members.pages(team, {"team": team, "alive": True, "segments": segment_id})


class MongoRuleSetQueries:
    def __init__(self, rule_sets: Collection[RuleSet]) -> None:
        self._rule_sets = rule_sets

    async def versions(self, teams: Some[str]) -> dict[str, int]:
        if not teams:
            return {}
        wanted = self._rule_sets.mongo.find(
            {"_id": {"$in": [f"{team}:{team}" for team in teams]}}, {"team": 1, "version": 1}
        )
        with self._rule_sets.errors.translated():
            rows = await wanted.to_list(None)
        return {row["team"]: row["version"] for row in rows}

    async def written_since(self, moment: int) -> dict[str, int]:
        wanted = self._rule_sets.mongo.find(_written_since(moment), {"_id": 0, "team": 1, "version": 1})
        with self._rule_sets.errors.translated():
            return {row["team"]: row["version"] for row in await wanted.to_list(None)}

    async def unapplied(self, limit: int) -> list[RuleSet]:
        return await self._rule_sets.find({"_unapplied": True}, limit, sort="_id")


class MongoJobQueries:
    def __init__(self, jobs: Collection[Job]) -> None:
        self._jobs = jobs

    async def open(self) -> list[Job]:
        return await self._jobs.find({"_open": True}, sort="_id")


class MongoConnectionQueries:
    def __init__(self, connections: Collection[Connection]) -> None:
        self._connections = connections

    async def active(self) -> list[Connection]:
        return await self._connections.find({"state": "active"}, sort="_id")

    async def written_since(self, moment: int) -> list[Connection]:
        return await self._connections.find(_written_since(moment))


def _written_since(moment: int) -> Row:
    return {WRITTEN: {"$gte": Timestamp(max(0, moment - OVERLAP_SECONDS), 0)}}


class MongoMoments:
    def __init__(self, database: Database, errors: ErrorTable) -> None:
        self._database = database
        self._errors = errors

    async def now(self) -> int:
        """Seconds of the server's logical time. Every reply of a member of a replica set carries it."""
        with self._errors.translated():
            reply = await self._database.command("ping")
        return int(reply["operationTime"].time)
