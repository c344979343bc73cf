"""A ledger that keeps little in memory tells the same as one that keeps all."""

from __future__ import annotations

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.faults.plan import FaultSpec
from sandbox.org.store.org import Actor, Org, Row, Write

COMMITS = 3_500


def _lived_through(in_memory: int) -> Org:
    """Seeds, commits, faults and seeds again; long enough for several sections."""
    org = Org(OrgConfig(ledger_entries_in_memory=in_memory), clock=lambda: 1_790_000_000.5)
    actor = Actor(org.admin_user_id, "rest", client="me")
    org.load("Contact", [{"LastName": f"Seed {number}"} for number in range(1_200)])
    org.plan(FaultSpec("drop-event", times=2))
    rows: list[Row] = [{"LastName": f"Person {number}", "AssistantName": "Zoë"} for number in range(COMMITS)]
    results = org.commit([Write("create", "Contact", None, row) for row in rows], actor)
    org.commit([Write("update", "Contact", results[0].record_id, {"Phone": None, "Title": "CEO"})], actor)
    org.load("Lead", [{"LastName": "Late", "Company": "Late Inc."}])
    return org


@pytest.fixture(scope="module")
def spilled() -> Org:
    return _lived_through(in_memory=1_000)


@pytest.fixture(scope="module")
def held() -> Org:
    return _lived_through(in_memory=1_000_000)


def test_what_was_spilled_reads_as_what_was_held(spilled: Org, held: Org) -> None:
    assert list(spilled.ledger.lines(0)) == list(held.ledger.lines(0))
    assert [entry.number for entry in spilled.ledger.lines(0)] == list(range(1, len(spilled.ledger) + 1))


@pytest.mark.parametrize("after", [-1, 0, 1, 999, 1_202, 1_203, 2_500, 4_000, 4_700])
@pytest.mark.parametrize("limit", [0, 1, 1_500, None])
def test_pages_begin_and_end_anywhere(spilled: Org, after: int, limit: int | None) -> None:
    whole = list(spilled.ledger.lines(0))
    first = max(after, 0)
    page = whole[first:] if limit is None else whole[first : first + limit]
    assert list(spilled.ledger.lines(after, limit)) == page


def test_seeds_tell_the_rows_as_they_were_loaded(spilled: Org) -> None:
    seed = next(entry for entry in spilled.ledger.after(0) if entry.object_name == "Contact")
    actor = Actor(spilled.admin_user_id, "rest")
    spilled.commit([Write("delete", "Contact", seed.record_id, {})], actor)
    again = next(entry for entry in spilled.ledger.after(seed.number - 1))
    assert again == seed
    assert again.as_json()["actor"] is None
    assert again.after["LastName"] == "Seed 0"


def test_nothing_but_the_newest_entries_stays_in_memory(spilled: Org) -> None:
    kinds = [type(section).__name__ for section in spilled.ledger._sections]
    assert kinds.count("Held") <= 3
    assert kinds.count("Spilled") >= 3
