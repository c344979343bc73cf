"""Where pymongo's own asynchronous client and motor differ; everything else here uses what they share."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isawaitable
from typing import Any, Literal, TypeAlias, cast

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

Driver = Literal["pymongo", "motor"]
Row: TypeAlias = dict[str, Any]
Client: TypeAlias = AsyncMongoClient[Row]
Database: TypeAlias = AsyncDatabase[Row]
MongoCollection: TypeAlias = AsyncCollection[Row]


def connect(driver: Driver, uri: str, options: Mapping[str, Any]) -> Client:
    """A client of either driver, typed as pymongo's."""
    if driver == "motor":
        return cast("Client", AsyncIOMotorClient(uri, **options))
    return AsyncMongoClient(uri, **options)


async def close(client: Client) -> None:
    closing: object = client.close()
    if isawaitable(closing):  # pymongo; motor closes at once
        await closing


async def aggregate(collection: MongoCollection, pipeline: list[Row]) -> list[Row]:
    """For results that fit in memory: groups, not documents."""
    cursor: Any = collection.aggregate(pipeline)
    if isawaitable(cursor):  # pymongo; motor sends the command with the first read
        cursor = await cursor
    return cast("list[Row]", await cursor.to_list(None))
