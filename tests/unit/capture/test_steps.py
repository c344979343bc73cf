"""The small decisions: shards, queries, slices, pauses, which failure counts."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Position, Snapshot
from workers.capture.failures import decisive
from workers.capture.pace import Backoff
from workers.core.shards import shard_of
from workers.core.snapshots import must_restart, page_read, parts, query_for, readable, started
from workers.ports import Fenced, FieldInfo, Refused, StreamEnded, Unavailable


def test_a_teams_shard_never_changes() -> None:
    assert [shard_of(team) for team in ("acme", "globex", "initech")] == [62, 58, 16]


def test_teams_spread_over_all_shards() -> None:
    assert len(Counter(shard_of(f"team-{number}") for number in range(2000))) == 64


def test_a_query_reads_every_plain_field() -> None:
    fields = [
        FieldInfo("Id", "id"),
        FieldInfo("Name", "string"),
        FieldInfo("LastName", "string"),
        FieldInfo("MailingAddress", "address", compound=True),
        FieldInfo("MailingCity", "string"),
        FieldInfo("Place__c", "location"),
        FieldInfo("Photo__c", "base64"),
    ]

    assert query_for("contact", fields) == "SELECT Id, SystemModstamp, LastName, MailingCity FROM Contact ORDER BY Id"
    assert "Name" in readable("account", fields)


def test_the_steps_of_a_snapshot() -> None:
    first = page_read(started("750"), 3, "7")
    assert first == Snapshot(state="running", job_id="750", locator="7", rows=3)
    assert page_read(first, 2, None) == Snapshot(state="done", job_id="750", rows=5)


@pytest.mark.parametrize(
    ("replay_id", "state", "expected"),
    [
        (None, "pending", False),
        (None, "running", True),
        (None, "done", True),
        ("7", "running", False),
        ("7", "done", False),
    ],
)
def test_what_must_be_read_again_after_an_interruption(replay_id: str | None, state: str, expected: bool) -> None:
    snapshot = Snapshot.model_validate({"state": state})

    assert must_restart(Position(team="acme", entity="lead", replay_id=replay_id, snapshot=snapshot)) is expected


@given(rows=st.lists(st.integers(), max_size=30), size=st.integers(1, 7))
def test_slices_lose_nothing_and_there_is_always_one(rows: list[int], size: int) -> None:
    slices = list(parts(rows, size))

    assert [row for some in slices for row in some] == rows
    assert len(slices) >= 1
    assert all(len(some) <= size for some in slices)


def test_pauses_grow_and_stay_below_the_cap() -> None:
    backoff = Backoff(1, 30)
    pauses = [backoff.next_seconds() for _ in range(2000)]

    assert all(0 <= pause <= 30 for pause in pauses)
    assert pauses[0] <= 1
    assert max(pauses[5:]) > 16


def test_the_failure_that_leaves_least_to_do_decides() -> None:
    down, refused, fenced = Unavailable("a"), Refused("b"), Fenced("c")
    ended = StreamEnded("403::Unknown client", "session_lost")

    assert decisive(ExceptionGroup("", [down, ExceptionGroup("", [ended])])) is ended
    assert decisive(ExceptionGroup("", [down, refused, ended])) is refused
    assert decisive(ExceptionGroup("", [refused, fenced])) is fenced


def test_a_failure_that_nobody_expects_is_never_hidden() -> None:
    bug = ZeroDivisionError()

    assert decisive(ExceptionGroup("", [Fenced(""), bug])) is bug
