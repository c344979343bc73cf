"""What only a real database can get wrong: majority, indexes, errors and what they may say."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bson
import pymongo
import pytest
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from schemas.documents import LastKnown, RowOutcomeName, WritebackRow, WritebackRun
from schemas.events import Version
from tests.support.writeback_rows import keep_rows
from workers.adapters.mongo import open_store
from workers.adapters.mongo.collection import Collection
from workers.adapters.mongo.driver import Driver
from workers.adapters.mongo.errors import ErrorTable
from workers.adapters.mongo.queries import OVERLAP_SECONDS
from workers.ports import Refused, Store, Unavailable

from .samples import connection, member, record, record_id, rule_set

DRIVERS: tuple[Driver, ...] = ("pymongo", "motor")
CLOSED_PORT = "127.0.0.1:1"


@pytest.fixture
def raw(database: str, request: pytest.FixtureRequest) -> Iterator[Database[dict[str, Any]]]:
    """The same database without the adapter."""
    with pymongo.MongoClient[dict[str, Any]](request.getfixturevalue("mongodb_uri")) as client:
        yield client[database]


# --- endpoints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", DRIVERS)
async def test_an_unreachable_server_is_named_without_the_password(driver: Driver) -> None:
    uri = f"mongodb://segment:hunter2@{CLOSED_PORT}/?serverSelectionTimeoutMS=200"
    with pytest.raises(Unavailable) as unavailable:
        async with open_store(uri, "unused", driver):
            pass
    assert CLOSED_PORT in str(unavailable.value)
    assert "MONGODB_URI" in str(unavailable.value)
    assert "hunter2" not in repr(unavailable.value) + repr(unavailable.value.__cause__)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("uri", ["", "hunter2", "http://segment:hunter2@host", "mongodb://segment:p@hunter2@host"])
@pytest.mark.parametrize("path", ["", "/hunter2@host/"])
async def test_a_malformed_connection_string_is_refused_without_quoting_it(driver: Driver, uri: str, path: str) -> None:
    with pytest.raises(Refused, match="MONGODB_URI") as refused:
        async with open_store(uri + path, "unused", driver):
            pass
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.stack
@pytest.mark.parametrize("driver", DRIVERS)
async def test_the_connection_string_cannot_weaken_the_concerns(
    driver: Driver, mongodb_uri: str, database: str
) -> None:
    weak = mongodb_uri + ("&" if "?" in mongodb_uri else "/?") + "w=0&readConcernLevel=local&readPreference=secondary"
    async with open_store(weak, database, driver) as store:
        assert isinstance(store.records, Collection)
        mongo = store.records.mongo
        assert mongo.write_concern.document["w"] == "majority"
        assert mongo.read_concern.level == "majority"
        assert mongo.read_preference.mode == 0


# --- indexes ---------------------------------------------------------------------------------------------------------


@contextmanager
def profiled(raw: Database[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """What the server did meanwhile, as its profiler saw it; filled at the end."""
    seen: list[dict[str, Any]] = []
    raw.command("profile", 2)
    try:
        yield seen
    finally:
        raw.command("profile", 0)
        seen += raw["system.profile"].find({"planSummary": {"$exists": True}})
        raw.drop_collection("system.profile")


async def ask_everything(store: Store, team: str) -> None:
    await store.record_queries.with_imported_contacts([(team, record_id(1, "001"))])
    await store.record_queries.older_than(team, 1, 10)
    await store.record_queries.count_older_than(team, 1)
    await store.records.note_unchanged([record(team, 1, rev=1)], 1)
    await store.record_queries.due_by_date(1, 10)
    assert await store.record_queries.asking_teams() >= {team, f"{team}-b"}
    assert len(await store.record_queries.asking(team, "", 10)) == 1
    assert team in await store.record_queries.unasked_teams()
    assert len(await store.record_queries.unasked(team, "", 10)) == 1
    assert await store.record_queries.in_list(team, "00B1", "", 10) != []
    assert [page async for page in store.record_queries.contacts_of(team, "x")] != []
    assert len([each async for each in store.record_queries.living(team, "contact")]) == 22
    await store.record_queries.count(team)
    await store.record_queries.skipped(team)
    assert [each async for each in store.record_queries.skipped_records(team, "contact", "no_email")] == []
    for members in (store.people_queries, store.account_queries):
        await members.count(team)
        await members.segment_sizes(team)
        assert [each async for each in members.in_segment(team, "none")] == []
    await ask_for_a_plan(store, team)
    assert await store.people.note_announced([member(team, "0@x", rev=1)]) == []
    await store.rule_set_queries.versions([team])
    await store.rule_set_queries.unapplied(10)
    await store.connection_queries.active()
    run = WritebackRun(team=team, run_id="s", started_at_ms=1)
    packs = store.writeback_pack_queries
    assert len(await packs.in_order(run, "contact/", "lead0", None, 10)) == 2
    assert len(await packs.in_order(run, "lead/", "lead0", ("rejected", "kept"), 10)) == 1
    assert len(await packs.of_record(team, record_id(1), ["r", "s"])) == 1
    assert await packs.tally(run) == {("lead", "accepted", None): 20, ("lead", "rejected", None): 20}
    assert await packs.sent_again(run) == 0
    await store.writeback_run_queries.newest(team, (9, "r"), 10)
    await store.writeback_run_queries.ended_since(1)
    await store.writeback_run_queries.going_on()
    await packs.forget(team, "2026-01-01", 10)
    moment = await store.moments.now()
    assert len(await store.connection_queries.written_since(moment)) >= 2
    assert (await store.rule_set_queries.written_since(moment)).keys() >= {team, f"{team}-b"}
    await store.records.load([(team, record_id(1))])
    assert [each async for each in store.records.scan(team)] != []


async def ask_for_a_plan(store: Store, team: str) -> None:
    assert await store.planning_queries.scores(team, "", 10) == []
    assert len(await store.planning_queries.sources(team, "person", ["1@x"])) == 1
    assert len(await store.planning_queries.sources(team, "account", ["1.org"])) == 1
    assert await store.planning_queries.converted(team, [record_id(30), record_id(1)]) == {record_id(30): None}
    assert len(await store.planning_queries.merged(team)) == 1
    await store.planning_queries.accepted(team, [record_id(1)])
    assert len(await store.planning_queries.mirrored(team, [record_id(1)], ["Name"])) == 1


def rows_of(
    team: str, run_id: str, number: int, outcome: RowOutcomeName = "accepted", first: int = 0
) -> list[WritebackRow]:
    given: dict[str, Any] = {"entity": "lead", "score": 1, "last_engagement_date": None, "outcome": outcome}
    return [WritebackRow(team=team, run_id=run_id, record_id=record_id(first + n), **given) for n in range(number)]


@pytest.mark.stack
async def test_no_question_reads_a_whole_collection(
    mongo_store: Store, team: str, raw: Database[dict[str, Any]]
) -> None:
    for name in (team, f"{team}-b"):
        await mongo_store.records.swap([record(name, n, imported=True, fields={"AccountId": "x"}) for n in range(20)])
        await mongo_store.records.swap(
            [record(name, 21, evaluate_at_ms=1), record(name, 22, answers_due=("00B1",), in_lists=("00B1",))]
        )
        gone: dict[str, Any] = {"alive": False, "full_version": Version(2, 0, 0)}
        joe = LastKnown(value="joe@acme.com", version=Version(1, 0, 0))
        await mongo_store.records.swap(
            [record(name, 23, **gone, last_known=joe), record(name, 24, **gone, survivor=record_id(1))]
        )
        await mongo_store.records.swap([record(name, 30, entity="lead", fields={"IsConverted": True})])
        await mongo_store.people.swap([member(name, f"{n}@x", segments=("s",)) for n in range(20)])
        await mongo_store.accounts.swap([member(name, f"{n}.org") for n in range(20)])
        await mongo_store.rule_sets.swap([rule_set(name, version=1)])
        await mongo_store.connections.swap([connection(name)])
        await keep_rows(
            mongo_store, [*rows_of(name, "s", 20), *rows_of(name, "s", 20, "rejected", first=20)], pack_rows=20
        )
        await mongo_store.writeback_runs.swap([WritebackRun(team=name, run_id="s", started_at_ms=1)])
    with profiled(raw) as seen:
        await ask_everything(mongo_store, team)
    plans = [(op["ns"], op["planSummary"], op["command"]) for op in seen]
    assert len(plans) >= 15
    assert [plan for plan in plans if "COLLSCAN" in plan[1]] == []
    converted = [plan[1] for plan in plans if "fields.ConvertedContactId" in str(plan[2].get("projection"))]
    assert converted == ["IXSCAN { _id: 1, fields.ConvertedContactId: 1 }"]
    asked = [op["docsExamined"] for op in seen if "_tally.outcome" in op["command"].get("filter", {})]
    assert asked == [1], "of two packs one holds rejected rows"
    assert not any(op.get("hasSortStage") for op in seen)
    runs = {plan[1] for plan in plans if plan[0].endswith(".writeback_runs")}
    assert runs == {
        "IXSCAN { team: 1, started_at_ms: 1, run_id: 1 }",
        "IXSCAN { finished_at_ms: 1 }",
        "IXSCAN { state: 1, started_at_ms: 1 }",
    }
    small = {plan[1] for plan in plans if plan[0].endswith((".connections", ".rule_sets"))}
    assert small >= {
        "IXSCAN { state: 1, _id: 1 }",
        "IXSCAN { _unapplied: 1, _id: 1 }",
        "IXSCAN { _written: 1 }",
        "IXSCAN { _written: 1, team: 1, version: 1 }",
    }


@pytest.mark.stack
async def test_a_look_at_what_was_written_since_reads_nothing_of_what_was_not(
    mongo_store: Store, team: str, raw: Database[dict[str, Any]]
) -> None:
    await mongo_store.connections.swap([connection(f"{team}-{n}") for n in range(20)])
    await mongo_store.rule_sets.swap([rule_set(f"{team}-{n}") for n in range(20)])
    later = await mongo_store.moments.now() + OVERLAP_SECONDS + 1
    with profiled(raw) as seen:
        assert await mongo_store.connection_queries.written_since(later) == []
        assert await mongo_store.rule_set_queries.written_since(later) == {}
    assert [(op["docsExamined"], op["keysExamined"]) for op in seen] == [(0, 0), (0, 0)]


@pytest.mark.stack
async def test_the_moment_of_a_write_is_the_servers(
    mongo_store: Store, team: str, raw: Database[dict[str, Any]]
) -> None:
    def written() -> bson.Timestamp:
        (found,) = raw["connections"].find({"team": team})
        assert isinstance(found["_written"], bson.Timestamp)
        return found["_written"]

    before = await mongo_store.moments.now()
    await mongo_store.connections.swap([connection(team)])
    first = written()
    await mongo_store.connections.swap([connection(team, rev=1)])
    assert before <= first.time <= await mongo_store.moments.now()
    assert first < written(), "a replacement is dated anew"


@pytest.mark.stack
async def test_whether_an_account_is_followed_is_answered_from_the_index_with_one_seek(
    mongo_store: Store, team: str, raw: Database[dict[str, Any]]
) -> None:
    """An account may have ten thousand contacts."""
    account = record_id(1, "001")
    contacts = [record(team, n, imported=True, fields={"AccountId": account}) for n in range(200)]
    await mongo_store.records.swap(contacts)
    with profiled(raw) as seen:
        assert await mongo_store.record_queries.with_imported_contacts([(team, account)]) == {(team, account)}
    assert [op["docsExamined"] for op in seen] == [0]
    assert seen[0]["keysExamined"] <= 3


@pytest.mark.stack
async def test_records_left_behind_are_found_without_reading_the_others(
    mongo_store: Store, team: str, raw: Database[dict[str, Any]]
) -> None:
    await mongo_store.records.swap([record(team, n, rule_set_version=1 if n == 7 else 2) for n in range(50)])
    with profiled(raw) as seen:
        assert len(await mongo_store.record_queries.older_than(team, 2, 100)) == 1
        assert await mongo_store.record_queries.count_older_than(team, 2) == 1
        assert await mongo_store.record_queries.skipped(team) == {}
    assert [op["docsExamined"] for op in seen] == [1, 0, 0]


@pytest.mark.stack
@pytest.mark.parametrize("driver", DRIVERS)
async def test_opening_again_changes_no_index(
    mongo_store: Store, driver: Driver, mongodb_uri: str, raw: Database[dict[str, Any]]
) -> None:
    before = raw["records"].index_information()
    async with open_store(mongodb_uri, raw.name, driver):
        assert raw["records"].index_information() == before


# --- documents that cannot be stored or read -------------------------------------------------------------------------


@pytest.mark.stack
@pytest.mark.parametrize(
    "value", [2**63, "\ud800", object(), {1, 2}, [2**70]], ids=["int", "surrogate", "object", "set", "list"]
)
async def test_a_value_that_bson_cannot_hold_is_refused_by_record_and_field_without_its_value(
    mongo_store: Store, team: str, value: object
) -> None:
    broken = record(team, 2).model_copy(update={"fields": {"Size__c": value}})
    with pytest.raises(Refused, match=f"{record_id(2)}.*fields.Size__c") as refused:
        await mongo_store.records.swap([record(team, 1), broken])
    assert str(2**63) not in str(refused.value)
    assert await mongo_store.records.load([(team, record_id(1))]) == {}


@pytest.mark.stack
async def test_a_document_over_16_mib_is_refused_by_name(mongo_store: Store, team: str) -> None:
    with pytest.raises(Refused, match=record_id(2)):
        await mongo_store.records.swap([record(team, 1), record(team, 2, fields={"Note": "x" * 16 * 1024 * 1024})])
    assert await mongo_store.records.load([(team, record_id(1))]) == {}, "nothing of the call may be written"
    fits = record(team, 2, fields={"Note": "x" * (16 * 1024 * 1024 - 1024)})
    assert await mongo_store.records.swap([fits]) == []
    assert await mongo_store.records.swap([fits.model_copy(update={"rev": 1})]) == []


@pytest.mark.stack
async def test_a_document_of_another_shape_is_refused_by_name_without_its_values(
    mongo_store: Store, team: str, raw: Database[dict[str, Any]]
) -> None:
    await mongo_store.connections.swap([connection(team)])
    raw["connections"].update_one({"_id": f"{team}:{team}"}, {"$set": {"newer": "hunter2", "rev": "hunter2"}})
    with pytest.raises(Refused, match=f"{team}.*newer: extra_forbidden") as refused:
        await mongo_store.connections.load([(team, team)])
    assert "hunter2" not in str(refused.value)
    raw["connections"].delete_one({"_id": f"{team}:{team}"})


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (ServerSelectionTimeoutError("no servers"), Unavailable),
        (AutoReconnect("reset"), Unavailable),
        (ExecutionTimeout("late", 50), Unavailable),
        (OperationFailure("not primary", 10107), Unavailable),
        (OperationFailure("no majority", 64), Unavailable),
        (OperationFailure("authentication failed", 18), Refused),
        (OperationFailure("not authorized", 13), Refused),
        (OperationFailure("index differs", 86), Refused),
        (ConfigurationError("no such host"), Refused),
        (OperationFailure("unknown operator", 2), OperationFailure),
    ],
    ids=lambda value: str(value) if isinstance(value, Exception) else value.__name__,
)
def test_an_error_of_the_driver_means(error: PyMongoError, meaning: type[Exception]) -> None:
    with pytest.raises(meaning) as raised, ErrorTable("db:27017").translated():
        raise error
    if meaning is not OperationFailure:
        assert "db:27017" in str(raised.value)
        assert raised.value.__cause__ is error
