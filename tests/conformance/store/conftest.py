"""The stores that the suite runs over. A test owns its team; the database is shared by the session."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pymongo
import pytest

from workers.adapters.memory.store import memory_store
from workers.adapters.mongo import open_store
from workers.ports import Store

REAL = [pytest.param(driver, marks=pytest.mark.stack) for driver in ("pymongo", "motor")]


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    uri: str = request.getfixturevalue("mongodb_uri")
    name = f"conformance_{uuid.uuid4().hex[:12]}"
    yield name
    with pymongo.MongoClient[dict[str, object]](uri) as client:
        client.drop_database(name)


@pytest.fixture
def team() -> str:
    return f"team-{uuid.uuid4().hex[:12]}"


@pytest.fixture(params=["memory", *REAL])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield memory_store()
    else:
        async for opened in _opened(request, request.param):
            yield opened


@pytest.fixture(params=REAL)
async def mongo_store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async for opened in _opened(request, request.param):
        yield opened


async def _opened(request: pytest.FixtureRequest, driver: Literal["pymongo", "motor"]) -> AsyncIterator[Store]:
    uri: str = request.getfixturevalue("mongodb_uri")
    async with open_store(uri, request.getfixturevalue("database"), driver) as store:
        yield store
