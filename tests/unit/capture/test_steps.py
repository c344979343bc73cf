"""The small decisions: shards, queries, slices, pauses, which failure counts."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Position, Snapshot
from workers.capture.failures import decisive
from workers.capture.pace import Backoff
from workers.core.capture.positions import EVERYTHING_AGAIN, OVERLAP_MS, PENDING
from workers.core.capture.shards import shard_of
from workers.core.capture.snapshots import (
    RECYCLE_BIN_MS,
    begun,
    count_of,
    digest_of,
    owed_after_silence,
    page_read,
    parts,
    query_for,
    readable,
)
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

    names = readable("contact", fields)
    assert query_for("contact", names, PENDING) == (
        "SELECT Id, SystemModstamp, IsDeleted, LastName, MailingCity FROM Contact ORDER BY Id"
    )
    assert "Name" in readable("account", fields)


def test_a_query_goes_on_where_a_lost_one_ended_and_keeps_its_moment() -> None:
    snapshot = Snapshot(state="running", since_ms=1_700_000_000_250, after_id="003000000000007AAA")
    rest = "FROM Lead WHERE SystemModstamp >= 2023-11-14T22:13:20.250Z AND Id > '003000000000007AAA'"
    assert query_for("lead", ["Id"], snapshot) == (f"SELECT Id, SystemModstamp, IsDeleted {rest} ORDER BY Id")
    assert count_of("lead", snapshot) == f"SELECT count() {rest}"


def test_a_digest_tells_of_other_fields_not_of_another_order() -> None:
    assert digest_of(["A", "B"]) == digest_of(["B", "A"]) != digest_of(["A", "B", "C"])


def test_the_steps_of_a_snapshot() -> None:
    running = begun(PENDING, 7, "750")
    first = page_read(running, ["a", "b", "c"], "7")
    assert first == Snapshot(state="running", began_ms=7, job_id="750", locator="7", after_id="c", rows=3)
    again = begun(first, 9, "751")
    assert again == Snapshot(state="running", began_ms=7, job_id="751", after_id="c", rows=3)
    done = page_read(again, ["d"], None)
    assert done == Snapshot(state="done", began_ms=7, job_id="751", after_id="d", rows=4)
    assert page_read(done, [], None) == done


NOW_MS = 10 * RECYCLE_BIN_MS


@pytest.mark.parametrize(
    ("position", "owed"),
    [
        ({}, None),
        ({"replay_id": "7", "snapshot": {"state": "running"}}, None),
        ({"replay_id": "7", "snapshot": {"state": "done"}}, None),
        ({"snapshot": {"state": "pending", "since_ms": 3}, "confirmed_ms": NOW_MS}, None),
        ({"snapshot": {"state": "done"}, "confirmed_ms": NOW_MS - 5}, NOW_MS - 5 - OVERLAP_MS),
        ({"snapshot": {"state": "running", "began_ms": NOW_MS - 5}}, NOW_MS - 5 - OVERLAP_MS),
        ({"snapshot": {"state": "running", "began_ms": NOW_MS - 5}, "confirmed_ms": 1}, NOW_MS - 5 - OVERLAP_MS),
        ({"snapshot": {"state": "done"}}, PENDING),
        ({"snapshot": {"state": "done"}, "fields_digest": "f"}, EVERYTHING_AGAIN),
        ({"snapshot": {"state": "done"}, "confirmed_ms": NOW_MS - RECYCLE_BIN_MS - 1}, EVERYTHING_AGAIN),
    ],
)
def test_what_a_channel_without_a_replay_id_reads_again(position: dict[str, object], owed: object) -> None:
    parsed = Position.model_validate({"team": "acme", "entity": "lead", **position})
    assert owed_after_silence(parsed, NOW_MS) == owed


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
