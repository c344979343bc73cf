"""The oracles see what they are for, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from schemas.events import Change, Entity, Position, Version
from tests.faults.oracles import Announcement, Promise, Truth, duplicates, fold, judge, leaks, oversized, truth_of

ADA, BOB = "003000000000001AAA", "003000000000002AAA"


def change(record_id: str, commit: int, **more: Any) -> Change:
    given = {
        "team": "acme",
        "entity": "contact",
        "record_id": record_id,
        "kind": "update",
        "version": Version(1000, commit, 1),
        "fields": {"Description": f"{commit}"},
        "replay_id": f"{commit}",
        "captured_at_ms": 1,
    }
    return Change.model_validate(given | more)


def position(replay_id: int) -> dict[Entity, Position]:
    return {"contact": Position(team="acme", entity="contact", replay_id=str(replay_id))}


CHANGES = [change(ADA, 1), change(BOB, 2), change(ADA, 3)]
TRUTH = Truth(
    announced=Counter({Announcement(ADA, 1): 1, Announcement(BOB, 2): 1, Announcement(ADA, 3): 1}),
    rows={ADA: {"Description": "3"}, BOB: {"Description": "2"}},
)
PROMISE = Promise(fields=("Description",))


def test_what_is_right_is_not_blamed() -> None:
    assert judge(TRUTH, CHANGES, position(3), PROMISE) == []


@pytest.mark.parametrize(
    ("changes", "stored", "oracle"),
    [
        (CHANGES[1:], 3, "O1"),
        (CHANGES[:2], 2, "O1"),
        ([*CHANGES, change(BOB, 4, fields={})], 4, "O1"),
        ([*CHANGES, CHANGES[2]], 3, "O2"),
        ([CHANGES[2], CHANGES[1], CHANGES[0]], 3, "O3"),
        (CHANGES, 2, "O4"),
        (CHANGES, 4, "O4"),
    ],
)
def test_every_kind_of_damage_is_seen(changes: list[Change], stored: int, oracle: str) -> None:
    assert {found.partition(":")[0] for found in judge(TRUTH, changes, position(stored), PROMISE)} == {oracle}


def test_what_a_reading_replaces_need_not_be_there() -> None:
    rows = [change(one, 0, kind="snapshot", replay_id=None, version=Version(2000, 0, 0)) for one in (ADA, BOB)]
    truth = Truth(TRUTH.announced, {ADA: {"Description": "0"}, BOB: {"Description": "0"}})
    assert judge(truth, rows, {}, Promise(every_event=False, fields=("Description",))) == []
    assert judge(truth, rows, {}, PROMISE) != []


def test_a_full_state_of_the_same_version_is_the_later_word() -> None:
    full = change(ADA, 1, kind="snapshot", fields={"Description": "read"})
    for order in ([full, change(ADA, 1)], [change(ADA, 1), full]):
        assert fold(order) == {ADA: {"Description": "read"}}


def test_a_deleted_record_is_gone_until_it_is_whole_again() -> None:
    assert fold([change(ADA, 1), change(ADA, 2, kind="delete", fields={})]) == {ADA: None}


def test_a_replay_id_that_comes_again_after_a_move_is_no_duplicate() -> None:
    assert duplicates([change(ADA, 1), change(ADA, 2, replay_id="1")]) == []


def test_the_ledger_is_read_as_the_org_writes_it() -> None:
    line = {
        "object": "Contact",
        "recordId": ADA,
        "commitNumber": 7,
        "replayIds": {"/data/ChangeEvents": 4},
        "committedAt": 5.0,
    }
    ledger: list[dict[str, Any]] = [
        {**line, "operation": "update", "changeType": "UPDATE"},
        {**line, "operation": "update", "changeType": "GAP_OVERFLOW", "commitNumber": 8},
        {**line, "operation": "create", "changeType": None, "replayIds": {}, "commitNumber": 6},
        {**line, "operation": "delete", "changeType": "DELETE", "recordId": BOB, "commitNumber": 9},
        {"kind": "fault", "fault": "reset", "recordId": "", "replayIds": {}},
    ]
    truth = truth_of(ledger, [{"Id": ADA}])
    assert truth.announced == {Announcement(ADA, 7): 1, Announcement(BOB, 9): 1}
    assert (set(truth.rows), truth.gone) == ({ADA}, {BOB})


def test_secrets_and_tokens_are_found_wherever_they_are() -> None:
    texts = {"log": "nothing", "topic": "x 00D000000000001!AQ.abcdefghij x", "other": "hush"}
    assert leaks(texts, ["hush"]) == ["a secret is in topic", "a secret is in other"]


def test_memory_has_a_bound() -> None:
    assert oversized(100) == []
    assert oversized(1000) != []
