"""Which differences between the mirror and the org are changes that were missed."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.documents import Record
from schemas.events import Change, Version
from workers.core.capture.reconciling import IN_FLIGHT_MS, after_all_known, missed_fields
from workers.core.merge import blank, merge

NOW_MS = 100 * IN_FLIGHT_MS
ID = "003000000000001AAA"
STAMPED = frozenset({"LastName", "Title"})


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
    assert missed_fields(KNOWN, change(1000, LastName="Byron", Title="Poet"), NOW_MS, STAMPED) == frozenset()
    assert missed_fields(KNOWN, change(5000, LastName="Byron", Title="Poet"), NOW_MS, STAMPED) == frozenset()


def test_a_newer_stamp_with_other_values_was_missed() -> None:
    assert missed_fields(KNOWN, change(5000, LastName="Lovelace"), NOW_MS, STAMPED) == {"LastName", "Title"}
    assert missed_fields(KNOWN, change(5000, "delete"), NOW_MS, STAMPED) == {"IsDeleted"}
    assert missed_fields(mirror(change(1000, "delete")), change(5000, "delete"), NOW_MS, STAMPED) == frozenset()


def test_what_is_recomputed_without_a_stamp_was_not_missed() -> None:
    recomputed = change(1000, LastName="Byron", Title="Poet", Formula__c=7.0)
    assert missed_fields(KNOWN, recomputed, NOW_MS, STAMPED) == frozenset()


def test_a_change_that_is_still_on_its_way_was_not_missed() -> None:
    young = change(NOW_MS - IN_FLIGHT_MS + 1, LastName="Lovelace")
    assert missed_fields(KNOWN, young, NOW_MS, STAMPED) == frozenset()


def test_a_second_change_of_one_second_was_missed_although_its_stamp_is_known() -> None:
    """A stamp is a whole second; the event of the first change tells the moment of its commit."""
    event = change(1700, "create", LastName="Byron")
    record = mirror(event)
    read = change(1000, LastName="Lovelace")
    assert missed_fields(record, read, NOW_MS, STAMPED) == {"LastName"}
    repaired = merge(record, after_all_known(record, read))
    assert repaired.fields["LastName"] == "Lovelace"
    assert missed_fields(repaired, read, NOW_MS, STAMPED) == frozenset()


@pytest.mark.parametrize("kind", ["create", "update", "snapshot"])
def test_what_is_read_later_prevails_over_all_that_was_known_and_over_no_later_event(kind: str) -> None:
    record = mirror(change(1000, LastName="Zola"), change(1000, kind, LastName="Zweig"))
    read = after_all_known(record, change(1000, LastName="Austen"))
    assert merge(record, read).fields == {"LastName": "Austen"}
    later = change(1001, "update", LastName="Woolf")
    assert merge(merge(record, read), later).fields == merge(merge(record, later), read).fields == {"LastName": "Woolf"}


def test_a_deletion_of_the_second_of_the_last_change_was_missed() -> None:
    record = mirror(change(1700, "create", LastName="Byron"))
    deletion = change(1000, "delete")
    assert missed_fields(record, deletion, NOW_MS, STAMPED) == {"IsDeleted"}
    assert not merge(record, after_all_known(record, deletion)).alive


def test_a_record_that_has_just_changed_in_the_mirror_is_not_judged() -> None:
    record = mirror(change(1000, LastName="Byron"), change(NOW_MS - 1, "update", Title="Poet"))
    assert missed_fields(record, change(1000, LastName="Lovelace"), NOW_MS, STAMPED) == frozenset()
