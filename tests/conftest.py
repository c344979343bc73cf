"""Fixtures for tests that need a real Kafka and a real MongoDB.

The servers are found or started once per session, by the same code as the demo's. Tests keep apart by names, not by
servers: `namespace` for topics and groups, `mongo_database` for collections.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from sandbox.stack import Endpoints, StackError, start_stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker("stack")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """A Kafka and a MongoDB that answer: those of the settings, else of Docker, else started here."""
    try:
        running = start_stack(tmp_path_factory.mktemp("stack"))
    except StackError as error:
        pytest.fail(str(error), pytrace=False)
    with running:
        yield running.endpoints


@pytest.fixture(scope="session")
def kafka(stack: Endpoints) -> str:
    """The bootstrap address."""
    return stack.kafka_bootstrap_servers


@pytest.fixture(scope="session")
def mongodb_uri(stack: Endpoints) -> str:
    return stack.mongodb_uri


@pytest.fixture
def namespace() -> str:
    """A prefix for topics, consumer groups and transactional ids that no other test has, such as `t1a2b3c4d`."""
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture
def mongo_database(mongodb_uri: str, namespace: str) -> Iterator[str]:
    """The name of a database of this test's own, dropped afterwards."""
    yield namespace
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(namespace)
