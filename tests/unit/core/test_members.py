from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import Contribution, Member, Reason
from schemas.events import Version
from workers.core.members import blank_member, fold, pending

A, B = "003000000000001AAA", "00Q000000000001AAA"


def says(rev: int, *segments: str, time: int = 1, gone: bool = False, **fields: object) -> Contribution:
    reasons = {segment: (Reason(rule_id="r1", list_id="l1"),) for segment in segments}
    return Contribution(
        rev=rev, entity="contact", gone=gone, version=Version(time, 1, 1), fields=fields, segments=reasons
    )


def folded(*contributions: tuple[str, Contribution]) -> Member:
    member = blank_member("acme", "joe@acme.com")
    for record_id, contribution in contributions:
        member = fold(member, record_id, contribution)
    return member


def test_a_blank_member_is_not_alive() -> None:
    member = blank_member("acme", "joe@acme.com")
    assert (member.team, member.key, member.rev, member.alive, member.segments) == (
        "acme",
        "joe@acme.com",
        0,
        False,
        (),
    )


def test_a_member_is_in_the_segments_of_all_its_records() -> None:
    member = folded((A, says(1, "south", "north")), (B, says(1, "east", "north")))
    assert (member.alive, member.segments) == (True, ("east", "north", "south"))


def test_a_segment_ends_with_its_last_reason() -> None:
    both = folded((A, says(1, "north")), (B, says(1, "north")))
    one = fold(both, A, says(2))
    assert (one.segments, fold(one, B, says(2)).segments) == (("north",), ())


def test_the_record_that_changed_last_wins_field_by_field() -> None:
    older, newer = says(9, time=1, title="VP", city="Oslo"), says(1, time=2, title="CEO")
    assert folded((A, older), (B, newer)).fields == {"title": "CEO", "city": "Oslo"}
    assert folded((A, newer), (B, older)).fields == {"title": "CEO", "city": "Oslo"}


def test_a_higher_precedence_wins_over_a_later_change() -> None:
    contact = says(9, time=1, title="VP", city="Oslo").model_copy(update={"precedence": {"title": 1}})
    lead = says(1, time=2, title="CEO", city="Bergen")
    assert folded((A, contact), (B, lead)).fields == {"title": "VP", "city": "Bergen"}
    assert folded((B, lead), (A, contact)).fields == {"title": "VP", "city": "Bergen"}
    assert folded((A, contact), (B, lead), (A, says(10, gone=True))).fields == {"title": "CEO", "city": "Bergen"}


def test_between_equals_the_record_id_decides_whoever_came_first() -> None:
    by_a, by_b = (A, says(1, title="VP")), (B, says(1, title="CEO"))
    assert folded(by_a, by_b).fields == folded(by_b, by_a).fields == {"title": "CEO"}


def test_a_withdrawn_contribution_leaves_only_its_revision() -> None:
    member = folded((A, says(1, "north", title="VP")), (A, says(2, gone=True)))
    assert (member.alive, member.fields, member.segments) == (False, {}, ())
    assert member.contributions[A].rev == 2


@pytest.mark.parametrize("late", [says(1, "north"), says(2, "north"), says(2, gone=True)])
def test_what_is_not_newer_changes_nothing(late: Contribution) -> None:
    member = folded((A, says(2)))
    assert fold(member, A, late) is member


def test_a_late_writer_cannot_bring_a_withdrawn_contribution_back() -> None:
    assert not folded((A, says(2, gone=True)), (A, says(1, "north"))).alive


def test_folding_leaves_revision_and_announcements_alone() -> None:
    member = folded((A, says(1, "north"))).model_copy(update={"rev": 5, "announced": ("south",)})
    after = fold(member, A, says(2, "east"))
    assert (after.rev, after.announced) == (5, ("south",))


def test_a_contribution_that_repeats_the_one_before_is_not_written() -> None:
    member = folded((A, says(5, "north")))
    assert fold(member, A, says(6, "north")) is member


def test_one_that_repeats_an_earlier_one_is_written_since_a_late_writer_may_hold_one_between() -> None:
    after = fold(folded((A, says(5, "north"))), A, says(7, "north"))
    assert after.contributions[A].rev == 7
    assert fold(after, A, says(6, "south")) is after


def test_what_has_not_been_announced_is_pending() -> None:
    member = folded((A, says(1, "b", "a", "kept"))).model_copy(update={"announced": ("d", "c", "kept")})
    assert pending(member) == (("a", "b"), ("c", "d"))


# --- laws ------------------------------------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, Contribution]]:
    """Each record's contributions: one content per revision, as compare-and-swap makes it."""
    history: list[tuple[str, Contribution]] = []
    for record_id in (A, B):
        for rev in range(1, draw(st.integers(0, 4)) + 1):
            gone = draw(st.booleans())
            segments = () if gone else draw(st.lists(st.sampled_from(["n", "s"]), unique=True))
            fields = {} if gone else draw(st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 3)))
            history.append((record_id, says(rev, *segments, time=draw(st.integers(1, 3)), gone=gone, **fields)))
    return history


def content(member: Member) -> dict[str, Any]:
    """Without the revisions of contributions: one that says the same as the one before is not written."""
    document = member.model_dump()
    return document | {
        "contributions": {each_id: each | {"rev": 0} for each_id, each in document["contributions"].items()}
    }


@given(histories(), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(history: list[tuple[str, Contribution]], rng: Any) -> None:
    shuffled = [*history, *(rng.choices(history, k=3) if history else [])]
    rng.shuffle(shuffled)
    assert content(folded(*shuffled)) == content(folded(*history))


@given(histories())
def test_only_the_newest_contribution_of_each_record_counts(history: list[tuple[str, Contribution]]) -> None:
    assert content(folded(*history)) == content(folded(*dict(history).items()))


@given(histories())
def test_a_member_lives_while_a_contribution_does(history: list[tuple[str, Contribution]]) -> None:
    living = [each for each in dict(history).values() if not each.gone]
    member = folded(*history)
    assert member.alive is bool(living)
    assert set(member.segments) == {segment for each in living for segment in each.segments}
