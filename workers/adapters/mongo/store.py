"""Opens a database as a `Store`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from pymongo.errors import ConfigurationError

from workers.adapters.mongo import specs
from workers.adapters.mongo.collection import Collection
from workers.adapters.mongo.driver import Client, Database, Driver, close, connect
from workers.adapters.mongo.errors import ErrorTable, invalid_uri
from workers.adapters.mongo.members import MemberCollection
from workers.adapters.mongo.planning import MongoPlanningQueries
from workers.adapters.mongo.queries import (
    MongoConnectionQueries,
    MongoJobQueries,
    MongoMemberQueries,
    MongoMoments,
    MongoRecordQueries,
    MongoRuleSetQueries,
)
from workers.adapters.mongo.records import RecordCollection
from workers.adapters.mongo.specs import CollectionSpec
from workers.adapters.mongo.writeback_packs import MongoWritebackPackQueries
from workers.adapters.mongo.writeback_runs import MongoWritebackRunQueries
from workers.ports import D, Store

TIME_LIMITS_MS = {"serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "socketTimeoutMS": 20_000}
"""Unless the connection string sets them: to find a primary, to connect, and to wait for one reply (a connection that
is half open never answers). Not `timeoutMS`: the driver lets it replace the time to find a primary as well, so that an
unreachable server would be noticed after 20 s instead of 5 (measured, pymongo 4.20.0)."""


@asynccontextmanager
async def open_store(uri: str, database: str, driver: Driver = "pymongo") -> AsyncIterator[Store]:
    """The store, with its indexes in place.

    Raises Unavailable when MongoDB does not answer, Refused when MONGODB_URI or the deployment cannot serve.
    """
    client = _connect(driver, uri)
    try:
        errors = ErrorTable(hosts_of(uri))
        await ensure_indexes(client[database], errors)
        yield _assemble(client[database], errors)
    finally:
        await close(client)


def _connect(driver: Driver, uri: str) -> Client:
    if not uri.startswith(("mongodb://", "mongodb+srv://")):  # the driver takes anything else for a host name
        raise invalid_uri()
    try:
        return connect(driver, uri, {"appname": "segment-sync", **_time_limits(uri)})
    except (ConfigurationError, ValueError):
        raise invalid_uri() from None  # the driver's text may quote the password


def _time_limits(uri: str) -> dict[str, int]:
    given = {name.lower() for name, _ in parse_qsl(urlsplit(uri).query)}
    return {name: limit_ms for name, limit_ms in TIME_LIMITS_MS.items() if name.lower() not in given}


def hosts_of(uri: str) -> str:
    """`host:port,host:port` of a valid connection string, without the credentials."""
    return urlsplit(uri).netloc.rpartition("@")[2]


async def ensure_indexes(database: Database, errors: ErrorTable) -> None:
    """Create what is missing.

    A new index over a large collection may outlast `socketTimeoutMS`: that raises Unavailable, the server goes on
    building, and the next call waits for it to finish.
    """
    indexed = [spec for spec in specs.ALL if spec.indexes]
    with errors.translated():
        await asyncio.gather(*(database[spec.name].create_indexes(list(spec.indexes)) for spec in indexed))


def _assemble(database: Database, errors: ErrorTable) -> Store:
    def collection(spec: CollectionSpec[D]) -> Collection[D]:
        return Collection(database, spec, errors)

    records = RecordCollection(database, specs.RECORDS, errors)
    rule_sets, connections = collection(specs.RULE_SETS), collection(specs.CONNECTIONS)
    jobs = collection(specs.JOBS)
    runs = collection(specs.WRITEBACK_RUNS)
    packs = collection(specs.WRITEBACK_PACKS)
    people, accounts = (MemberCollection(database, spec, errors) for spec in (specs.PEOPLE, specs.ACCOUNTS))
    engagement, insights = collection(specs.ENGAGEMENT), collection(specs.INSIGHTS)
    return Store(
        connections=connections,
        rule_sets=rule_sets,
        segments=collection(specs.SEGMENTS),
        records=records,
        people=people,
        accounts=accounts,
        engagement=engagement,
        insights=insights,
        writeback_runs=runs,
        writeback_packs=packs,
        writeback_settings=collection(specs.WRITEBACK_SETTINGS),
        jobs=jobs,
        capture_status=collection(specs.CAPTURE_STATUS),
        audit=collection(specs.AUDIT),
        api_usage=collection(specs.API_USAGE),
        score_tokens=collection(specs.SCORE_TOKENS),
        record_queries=MongoRecordQueries(records),
        people_queries=MongoMemberQueries(people),
        account_queries=MongoMemberQueries(accounts),
        rule_set_queries=MongoRuleSetQueries(rule_sets),
        connection_queries=MongoConnectionQueries(connections),
        job_queries=MongoJobQueries(jobs),
        writeback_pack_queries=MongoWritebackPackQueries(packs),
        writeback_run_queries=MongoWritebackRunQueries(runs),
        planning_queries=MongoPlanningQueries(engagement, people, accounts, records, insights),
        moments=MongoMoments(database, errors),
    )
