"""A demo that went wrong is told so: each planted fault is found."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from sandbox.demo.actual import business_fields, differences, differing
from sandbox.demo.expected import Expected
from sandbox.demo.identity import SCORE_OF_THE_LOSER
from sandbox.demo.story import Story, problems, summary_of

from .orgs import FIRMS, LEADS, PEOPLE, judged


@pytest.fixture
def wanted() -> Expected:
    return judged(
        {
            "c1": {"Email": "ann@acme.com", "AccountId": "a1"},
            "c2": {"Email": "bob@acme.com"},
            "c3": {"Email": None},
        },
        {"l1": {"Email": "joe@firma.de"}},
        {"a1": {"Website": "acme.com"}},
        {PEOPLE: {"c1", "c2", "c3"}, LEADS: {"l1"}, FIRMS: {"a1"}},
    )


@pytest.fixture
def story(wanted: Expected) -> Story:
    """One in which everything went right."""
    return Story(
        seconds={"stack": 1.0, "import": 1.0, "edits": 1.0, "write_back": 1.0, "replay": 1.0, "total": 5.0},
        wanted=wanted,
        found=copy.deepcopy(wanted),
        latencies_ms=[1.0, 2.0, 3.0],
        changes={"expected": 9, "published": 9, "lost": 0, "duplicated": 0},
        write_back={
            "changed": 3,
            "succeeded": 3,
            "failed": 0,
            "verified_in_org": 3,
            "second_run": 0,
            "rejected_at_first": 1,
            "retried": 2,
        },
        survivor_score=SCORE_OF_THE_LOSER,
        replay={"read": 9, "changed": 0},
    )


def test_the_same_state_has_no_differences(wanted: Expected) -> None:
    assert differences(wanted, copy.deepcopy(wanted)) == []


@pytest.mark.parametrize(
    ("doctor", "told"),
    [
        (lambda found: found.counts.update(Contact=2), "records: "),
        (lambda found: found.people.pop("ann@acme.com"), "people: 1 differ, e.g. ann@acme.com"),
        (lambda found: found.people.update({"eve@acme.com": {"c9"}}), "people: 1 differ, e.g. eve@acme.com"),
        (lambda found: found.people["bob@acme.com"].add("c1"), "people: 1 differ, e.g. bob@acme.com"),
        (lambda found: found.accounts["acme.com"].clear(), "accounts: 1 differ, e.g. acme.com"),
        (lambda found: found.accounts.pop("firma.de"), "accounts: 1 differ, e.g. firma.de"),
        (lambda found: found.segments["emea-people"].discard("bob@acme.com"), "segments: 1 differ, e.g. emea-people"),
        (lambda found: found.segments["emea-people"].add("joe@firma.de"), "segments: 1 differ, e.g. emea-people"),
        (lambda found: found.segments.update(stray=set()), "segments: 1 differ, e.g. stray"),
        (lambda found: found.skipped.update(no_email=1), "skipped: "),
        (lambda found: found.skipped.update(no_website=1), "skipped: "),
    ],
)
def test_a_wrong_document_is_found(wanted: Expected, doctor: Callable[[Expected], object], told: str) -> None:
    found = copy.deepcopy(wanted)
    doctor(found)
    (line,) = differences(wanted, found)
    assert line.startswith(told)


def test_every_kind_of_difference_has_its_line(wanted: Expected) -> None:
    assert len(differences(wanted, Expected())) == 5


def test_stamps_and_empty_fields_of_the_mirror_do_not_matter_but_values_do() -> None:
    row = {"Id": "c1", "SystemModstamp": "x", "Name": "Ann A", "Email": "ann@acme.com", "Title": None}
    mirror = {"Id": "c1", "Email": "ann@acme.com"}
    assert differing(business_fields(row), business_fields(mirror)) == set()
    assert differing(business_fields(row), business_fields(mirror | {"Title": "VP"})) == {"Title"}
    assert differing(business_fields(row), business_fields({"Id": "c1"})) == {"Email"}


def test_a_story_that_went_right_has_no_problems(story: Story) -> None:
    assert problems(story) == []
    assert summary_of(story)["ok"] is True


@pytest.mark.parametrize(
    "doctor",
    [
        lambda story: story.wrong.append("people: 1 differ"),
        lambda story: setattr(story, "survivor_score", None),
        lambda story: story.changes.update(lost=1),
        lambda story: story.changes.update(duplicated=1),
        lambda story: story.changes.update(published=8),
        lambda story: story.write_back.update(succeeded=2),
        lambda story: story.write_back.update(failed=1),
        lambda story: story.write_back.update(verified_in_org=-1),
        lambda story: story.write_back.update(second_run=1),
        lambda story: story.write_back.update(rejected_at_first=0),
        lambda story: story.write_back.update(retried=0),
        lambda story: story.replay.update(changed=1),
        lambda story: story.replay.update(read=0),
    ],
)
def test_each_fault_fails_the_demo(story: Story, doctor: Callable[[Story], object]) -> None:
    doctor(story)
    assert len(problems(story)) == 1
    assert summary_of(story)["ok"] is False


def test_the_summary_tells_what_was_expected_and_what_was_found(story: Story) -> None:
    story.found.segments["emea-people"].clear()
    story.found.skipped["no_website"] += 2
    summary = summary_of(story)
    assert summary["org"] == {"contacts": 3, "leads": 1, "accounts": 1}
    assert (summary["people"], summary["accounts"]) == (3, 2)
    assert summary["segments"] == {
        "emea-people": {"expected": 2, "actual": 0},
        "technology-accounts": {"expected": 1, "actual": 1},
    }
    assert summary["skipped"] == {
        "no_email": {"expected": 1, "actual": 1},
        "no_website": {"expected": 0, "actual": 2},
    }
    assert summary["latency_ms"] == {"p50": 2.0, "p95": 3.0, "p99": 3.0}
