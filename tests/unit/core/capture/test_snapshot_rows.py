"""Rows of queries, of both APIs, as changes that carry the full state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from schemas.events import Change, Version
from workers.core.capture.snapshot_rows import snapshot_changes
from workers.core.merge import blank, merge
from workers.core.normalize import LARGEST

CONTACT = "003Rj00000Buj14IAB"
TYPES = {
    "Id": "id",
    "Name": "string",
    "LastName": "string",
    "AnnualRevenue": "currency",
    "NumberOfEmployees": "int",
    "HasOptedOutOfEmail": "boolean",
    "Email": "email",
    "LastModifiedDate": "datetime",
    "Birthdate": "date",
    "MailingAddress": "address",
    "SystemModstamp": "datetime",
    "IsDeleted": "boolean",
}
ROW = {
    "Id": CONTACT,
    "Name": "Ada Day",
    "LastName": "Day",
    "AnnualRevenue": "1200.5",
    "NumberOfEmployees": "7",
    "HasOptedOutOfEmail": "false",
    "Email": "",
    "LastModifiedDate": "2024-07-02T08:28:26.000Z",
    "Birthdate": "1990-02-03",
    "SystemModstamp": "2024-07-02T08:28:26.000Z",
    "IsDeleted": "false",
    "Unknown__c": "x",
}
FULL = {
    "LastName": "Day",
    "AnnualRevenue": 1200.5,
    "NumberOfEmployees": 7.0,
    "HasOptedOutOfEmail": False,
    "LastModifiedDate": "2024-07-02T08:28:26.000Z",
    "Birthdate": "1990-02-03",
}


def read(row: Mapping[str, Any], at_least: Version | None = None) -> Change:
    versions = {CONTACT: at_least} if at_least else {}
    (change,), parked = snapshot_changes("acme", "contact", [row], TYPES, 9, topic="t", at_least=versions)
    assert not parked
    return change


def test_a_row_of_a_bulk_query_carries_the_full_state() -> None:
    change = read(ROW)

    assert change == Change(
        team="acme",
        entity="contact",
        record_id=CONTACT,
        kind="snapshot",
        version=Version(1719908906000, 0, 0),
        fields=FULL,
        captured_at_ms=9,
    )


def test_a_row_of_a_rest_query_comes_to_the_same() -> None:
    row = {**ROW, "AnnualRevenue": 1200.5, "NumberOfEmployees": 7, "HasOptedOutOfEmail": False, "Email": None}
    row |= dict.fromkeys(("LastModifiedDate", "SystemModstamp"), "2024-07-02T08:28:26.000+0000")

    assert read(row) == read(ROW)


def test_a_change_of_the_same_moment_is_newer_than_a_snapshot() -> None:
    assert read(ROW).version < Version(1719908906000, 1, 1)


@pytest.mark.parametrize(
    ("at_least", "version"),
    [
        (Version(1719908906000, 4, 1), Version(1719908906000, 4, 1)),
        (Version(1719908905999, 4, 1), Version(1719908906000, 0, 0)),
    ],
)
def test_what_is_read_again_does_not_lose_against_what_came_before_its_event(
    at_least: Version, version: Version
) -> None:
    assert read(ROW, at_least).version == version


@pytest.mark.parametrize(
    "damage",
    [{"Id": ""}, {"SystemModstamp": ""}, {"SystemModstamp": "2024-07-02T08:28:26"}, {"NumberOfEmployees": "many"}],
)
def test_a_damaged_row_is_parked_and_the_others_are_not(damage: dict[str, str]) -> None:
    changes, parked = snapshot_changes("acme", "contact", [{**ROW, **damage}, ROW], TYPES, 9, topic="t")

    assert [change.record_id for change in changes] == [CONTACT]
    assert [(message.team, message.topic, message.reason) for message in parked] == [("acme", "t", "malformed")]
    assert "2024-07-02" in parked[0].payload


@pytest.mark.parametrize("told", ["true", True])
def test_a_row_of_the_recycle_bin_is_a_deletion_after_all_else_of_its_second(told: object) -> None:
    deletion = read({**ROW, "IsDeleted": told})
    assert (deletion.kind, deletion.fields) == ("delete", {})
    for commit_ms in (1719908906000, 1719908906999):
        created = read(ROW).model_copy(update={"kind": "create", "version": Version(commit_ms, 2**62, 7)})
        assert not merge(merge(blank(created), created), deletion).alive


def test_a_deletion_read_because_of_an_event_has_the_version_of_that_event() -> None:
    event = Version(1719908906000, 4, 1)
    assert read({**ROW, "IsDeleted": True}, event).version == event


def test_what_is_made_without_validation_is_valid() -> None:
    for row in (ROW, {**ROW, "IsDeleted": "true"}):
        change = read(row)
        assert Change.model_validate_json(change.model_dump_json()) == change


@pytest.mark.parametrize(
    ("floor", "version"),
    [
        (Version(1719908906000, 7, 1), Version(1719908906000, 7, 1)),
        (Version(1719908906999, 7, 1), Version(1719908906999, 7, 1)),
        (Version(1719908905999, 7, 1), Version(1719908906000, 0, 0)),
        (Version(1719908907000, 7, 1), Version(1719908906999, LARGEST, 0)),
    ],
)
def test_a_row_loses_against_no_change_that_it_includes(floor: Version, version: Version) -> None:
    (change,), _ = snapshot_changes("acme", "contact", [ROW], TYPES, 9, topic="t", floor=floor)
    assert change.version == version


@pytest.mark.parametrize(
    ("used", "unread"),
    [({"Title"}, ("Title",)), ({"Email"}, ()), ({"Gone__c"}, ("Gone__c",)), (set(), ())],
)
def test_of_a_field_in_use_that_the_row_has_not_nothing_is_said(used: set[str], unread: tuple[str, ...]) -> None:
    row = {name: value for name, value in {**ROW, "Email": "a@acme.com", "Title": "VP"}.items() if name != "Title"}
    types = {**TYPES, "Email": "email", "Title": "string"}
    (change,), _ = snapshot_changes("acme", "contact", [row], types, 9, topic="t", used=frozenset(used))
    assert change.unread == unread


def test_a_field_that_is_no_longer_described_is_unread_though_the_job_still_asked_for_it() -> None:
    row = {**ROW, "Title": "VP"}
    types = {name: kind for name, kind in TYPES.items() if name != "Title"}
    (change,), _ = snapshot_changes("acme", "contact", [row], types, 9, topic="t", used=frozenset({"Title"}))
    assert change.unread == ("Title",)


def test_a_deletion_clears_what_cannot_be_read_too() -> None:
    row = {**ROW, "IsDeleted": "true"}
    (change,), _ = snapshot_changes("acme", "contact", [row], TYPES, 9, topic="t", used=frozenset({"Gone__c"}))
    assert (change.kind, change.unread) == ("delete", ())


@pytest.mark.parametrize(
    ("row", "survivor"),
    [({}, None), ({"MasterRecordId": None}, "none"), ({"MasterRecordId": ""}, "none")]
    + [({"MasterRecordId": each}, "003Rj00000Buj15IAB") for each in ("003Rj00000Buj15", "003Rj00000Buj15IAB")],
)
def test_a_row_of_the_recycle_bin_tells_into_what_a_record_was_merged(row: dict[str, Any], survivor: str) -> None:
    assert read({**ROW, "IsDeleted": "true", **row}).survivor == survivor
    assert read({**ROW, **row}).survivor is None
