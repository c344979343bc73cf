"""The weekly comparison against a simulated org: it sees what was missed, and nothing where nothing was."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.org.faults.plan import FaultSpec
from sandbox.org.metadata.objects import FieldType
from sandbox.org.rows.writes import Write
from schemas.documents import ReadRequest, Record
from schemas.events import ENTITIES, Entity
from tests.support.waiting import until
from workers.core.capture import reconciling
from workers.core.merge import blank, merge
from workers.core.normalize import OBJECTS

from .captured import Captured, Start

VALUES: dict[str, Any] = {
    "boolean": True,
    "int": 1_234_567,
    "double": 12.5,
    "currency": 1_234_567_890.0,
    "percent": 12.25,
    "date": "2024-02-29",
    "datetime": "2024-02-29T12:34:56.000+0000",
    "email": "Ann.O'Neil+tag@example.com",
    "phone": "+49 (30) 1234-56",
    "url": "http://example.com/ä?q=1&b=2",
    "string": "Ünï “q” 7",
    "textarea": 'line one\nline two; "three", 4',
}


@pytest.fixture(autouse=True)
def all_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "IN_FLIGHT_MS", 0)


def everything_updateable(captured: Captured, name: str) -> dict[str, Any]:
    """A value for every field of the object that can be written, whatever it was, and is no reference."""
    fields = captured.sandbox.org.catalogue.types[name].fields
    return {each.name: _fitting(each.length, VALUES[each.type]) for each in fields if _is_plain(each)}


def _is_plain(field: FieldType) -> bool:
    return field.updateable and field.nillable and field.type in VALUES and not field.name.endswith("Latitude")


def _fitting(length: int, value: Any) -> Any:
    return value[:length] if isinstance(value, str) and length else value


async def mirrored(captured: Captured) -> None:
    """What routing would have made of all that was published."""
    records: dict[str, Record] = {}
    for change in captured.topics.changes:
        records[change.record_id] = merge(records.get(change.record_id) or blank(change), change)
    stored = await captured.store.records.load([("acme", one) for one in records])
    revs = {one: record.rev for (_, one), record in stored.items()}
    latest = [record.model_copy(update={"rev": revs.get(one, 0)}) for one, record in records.items()]
    assert not await captured.store.records.swap(latest)


async def compared(captured: Captured, entity: Entity) -> dict[str, int]:
    await mirrored(captured)
    job = await captured.done("reconcile", ReadRequest(entity=entity))
    assert job.state == "done", job
    return job.report


@pytest.mark.parametrize("entity", ENTITIES)
async def test_nothing_differs_whichever_way_the_values_came(start: Start, entity: Entity) -> None:
    captured = await start()
    name = OBJECTS[entity]
    async with captured.capturing():
        values = everything_updateable(captured, name)
        assert len(values) > 15
        one, two, three, *_ = captured.ids(name)
        captured.commit(Write("update", name, one, values))
        captured.commit(Write("update", name, two, values))
        captured.commit(Write("update", name, two, dict.fromkeys(values)))
        captured.commit(Write("delete", name, three, {}))
        captured.commit(Write("undelete", name, three, {}))
        await until(lambda: any(change.kind == "undelete" for change in captured.topics.changes))
        report = await compared(captured, entity)
    assert (report["compared"], report["differing"]) == (report["in_org"], 0)


async def test_a_change_that_was_missed_beside_another_of_its_second_is_found_and_repaired(start: Start) -> None:
    captured = await start()
    one = captured.ids("Contact")[0]
    async with captured.capturing():
        captured.commit(Write("update", "Contact", one, {"Title": "announced"}))
        captured.sandbox.org.plan(FaultSpec("drop-event"))
        captured.commit(Write("update", "Contact", one, {"Title": "never announced"}))
        await until(lambda: bool(captured.published(one)) and captured.published(one)[-1].kind == "update")
        report = await compared(captured, "contact")
        await until(lambda: captured.read() and captured.published(one)[-1].kind == "snapshot")
        assert report["differing"] == 1
        again = await compared(captured, "contact")
    assert again["differing"] == 0
