"""Which differences between the mirror and the org are changes that were missed."""

from __future__ import annotations

from typing import Any

from schemas.documents import Record
from schemas.events import Change, Version
from workers.core.merge import blank, merge
from workers.core.reconciling import IN_FLIGHT_MS, missed_fields

NOW_MS = 100 * IN_FLIGHT_MS
ID = "003000000000001AAA"


def change(stamp_ms: int, kind: str = "snapshot", **fields: Any) -> Change:
    return Change.model_validate(
        {
            "team": "acme",
            "entity": "contact",
            "record_id": ID,
            "kind": kind,
            "version": Version(stamp_ms, 0, 0),
            "fields": fields,
            "captured_at_ms": 1,
        }
    )


def mirror(*changes: Change) -> Record:
    record = blank(changes[0])
    for each in changes:
        record = merge(record, each)
    return record


KNOWN = mirror(change(1000, LastName="Byron", Title="Poet"))


def test_nothing_is_missed_where_nothing_differs() -> None:
    assert missed_fields(KNOWN, change(1000, LastName="Byron", Title="Poet"), NOW_MS) == frozenset()
    assert missed_fields(KNOWN, change(5000, LastName="Byron", Title="Poet"), NOW_MS) == frozenset()


def test_a_newer_stamp_with_other_values_was_missed() -> None:
    assert missed_fields(KNOWN, change(5000, LastName="Lovelace"), NOW_MS) == {"LastName", "Title"}
    assert missed_fields(KNOWN, change(5000, "delete"), NOW_MS) == {"IsDeleted"}
    assert missed_fields(mirror(change(1000, "delete")), change(5000, "delete"), NOW_MS) == frozenset()


def test_what_is_recomputed_without_a_stamp_was_not_missed() -> None:
    assert missed_fields(KNOWN, change(1000, LastName="Byron", Title="Poet", Formula__c=7.0), NOW_MS) == frozenset()


def test_a_change_that_is_still_on_its_way_was_not_missed() -> None:
    young = change(NOW_MS - IN_FLIGHT_MS + 1, LastName="Lovelace")
    assert missed_fields(KNOWN, young, NOW_MS) == frozenset()
