"""How a latency is told from what a change stream showed."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.demo.watch import Watch, newest_version, note, percentile


@pytest.fixture
def watch() -> Watch:
    return Watch(database=None)


def document(*, imported: bool) -> dict[str, Any]:
    return {"record_id": "c1", "full_version": [0, 7, 1], "field_versions": {}, "imported": imported}


def test_a_commit_is_readable_when_its_record_shows_it(watch: Watch) -> None:
    note(watch.records["c1"], (0, 7, 1), 150.0)
    assert watch.latency_ms("c1", 7, 100.0) == 50.0


def test_the_first_sight_counts(watch: Watch) -> None:
    for now_ms in (150.0, 190.0):
        note(watch.records["c1"], (0, 7, 1), now_ms)
    assert watch.latency_ms("c1", 7, 100.0) == 50.0


def test_a_commit_that_was_overtaken_in_a_batch_is_readable_with_the_later_one(watch: Watch) -> None:
    note(watch.records["c1"], (0, 9, 1), 180.0)
    note(watch.records["c1"], (0, 6, 1), 110.0)
    assert watch.latency_ms("c1", 7, 100.0) == 80.0


def test_the_person_or_account_must_show_it_too(watch: Watch) -> None:
    watch.note_record(document(imported=True), 150.0)
    note(watch.members["c1"], (0, 7, 1), 170.0)
    assert watch.latency_ms("c1", 7, 100.0) == 70.0


def test_what_a_record_feeds_later_for_another_reason_is_not_counted(watch: Watch) -> None:
    watch.note_record(document(imported=False), 150.0)
    note(watch.members["c1"], (0, 7, 1), 20_170.0)
    assert watch.latency_ms("c1", 7, 100.0) == 50.0


def test_what_was_never_seen_has_no_latency(watch: Watch) -> None:
    note(watch.records["c1"], (0, 6, 1), 150.0)
    assert watch.latency_ms("c1", 7, 100.0) is None
    assert watch.latency_ms("c2", 7, 100.0) is None


def test_the_newest_version_of_a_document() -> None:
    document = {"full_version": [1, 5, 1], "field_versions": {"Email": [2, 6, 1], "Title": [1, 4, 1]}}
    assert newest_version(document) == [2, 6, 1]
    assert newest_version({"full_version": None, "field_versions": {}}) is None


@pytest.mark.parametrize(("share", "figure"), [(0.5, 51.0), (0.95, 96.0), (0.99, 100.0), (0.0, 1.0)])
def test_percentiles(share: float, figure: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == figure


def test_no_figures_have_no_percentile() -> None:
    assert percentile([], 0.5) is None
