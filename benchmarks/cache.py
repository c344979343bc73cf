"""A MongoDB that has room: the local stack's takes half a gigabyte, so that it fits beside anything."""

from __future__ import annotations

from pymongo import MongoClient

CACHE_GB = 4
"""Left to itself mongod takes half of the memory but one GB (MongoDB manual, WiredTiger storage engine): 11 GB on the
machine of the figures. Four hold the documents of a million people, so that no disk is measured."""


def give_cache(mongodb_uri: str) -> None:
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.admin.command("setParameter", 1, wiredTigerEngineRuntimeConfig=f"cache_size={CACHE_GB}G")
