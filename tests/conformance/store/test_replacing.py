"""Many documents replaced by one operation: as each by its own, also where that operation cannot take them."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from pymongo import ReplaceOne, UpdateMany

from workers.adapters.mongo.codec import encode
from workers.adapters.mongo.replacing import TOGETHER_BYTES, Resting, Step, replacements
from workers.adapters.mongo.specs import RECORDS
from workers.ports import Refused, Store

from .samples import record, record_id, rule_set

CUSTOMERS: list[Any] = ["$secret", "$$ROOT", "$_id", {"gt": "$$theirs"}, ["$rev", None], "", None, 2**53 + 1]
OBJECT_ID = ObjectId()
DEEP, TOO_DEEP = 170, 185
"""Levels that a document may have, and more than MongoDB stores (180 in all)."""


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"n": found}
    return found


async def replaced(store: Store, team: str, values: list[Any]) -> list[Any]:
    """What is stored once records that exist were given these values in one call."""
    created = [record(team, number) for number in range(len(values))]
    assert await store.records.swap(created) == []
    again = [record(team, n, rev=1, fields={"Value": value}) for n, value in enumerate(values)]
    assert await store.records.swap(again) == []
    stored = {document.record_id: document async for document in store.records.scan(team)}
    assert {document.rev for document in stored.values()} == {2}
    return [stored[record_id(number)].fields["Value"] for number in range(len(values))]


async def test_values_of_customers_are_replaced_as_they_are(store: Store, team: str) -> None:
    assert await replaced(store, team, CUSTOMERS) == CUSTOMERS


@pytest.mark.stack
async def test_the_one_that_the_server_refuses_is_named_among_others(mongo_store: Store, team: str) -> None:
    await mongo_store.records.swap([record(team, number) for number in range(3)])
    deep = record(team, 1, rev=1, fields={"Value": nested(TOO_DEEP)})
    others = [record(team, number, rev=1, fields={"Value": nested(DEEP)}) for number in (0, 2)]
    with pytest.raises(Refused, match=record_id(1)):
        await mongo_store.records.swap([others[0], deep, others[1]])
    assert await mongo_store.records.swap([deep.model_copy(update={"fields": {}})]) == []


@pytest.mark.stack
async def test_more_than_one_operation_takes(mongo_store: Store, team: str) -> None:
    values = ["x" * (TOGETHER_BYTES // 2 + 1), "small", "y" * (TOGETHER_BYTES + 1), *CUSTOMERS]
    assert await replaced(mongo_store, team, values) == values


@pytest.mark.stack
async def test_documents_that_the_server_dates_are_dated_also_among_others(mongo_store: Store, team: str) -> None:
    teams = [team, f"{team}-b"]
    await mongo_store.rule_sets.swap([rule_set(each) for each in teams])
    before = await mongo_store.moments.now()
    await mongo_store.rule_sets.swap([rule_set(each, rev=1) for each in teams])
    assert {each for each in await mongo_store.rule_set_queries.written_since(before) if each in teams} == set(teams)


def test_an_operation_holds_no_more_bytes_than_it_may() -> None:
    sizes = [TOGETHER_BYTES // 2 - 3000, 10, TOGETHER_BYTES // 2 - 3000, 10, TOGETHER_BYTES * 2, 10, 10]
    documents = [resting(number, size) for number, size in enumerate(sizes)]
    steps = replacements(documents, together=True)
    assert [len(step.ids) for step in steps] == [4, 1, 2]
    assert [kind(step) for step in steps] == [UpdateMany, ReplaceOne, UpdateMany]
    assert [id_ for step in steps for id_ in step.ids] == [document.id_ for document in documents]


def kind(step: Step) -> type:
    return type(step.operation)


def resting(number: int, size_bytes: int) -> Resting:
    document = record("acme", number, rev=1, fields={"Value": "x" * size_bytes})
    return Resting(document.record_id, 1, encode(RECORDS, document, OBJECT_ID))
