from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import Record, Skip, Targets
from schemas.events import Change, Origin, Version
from workers.core.merge import blank, changed_by_others, latest_version, merge
from workers.core.origin import CLIENT_NAME

RECORD_ID = "003000000000001AAA"


def change(kind: Any, time: int, number: int = 1, /, **fields: object) -> Change:
    return Change(
        team="acme",
        entity="contact",
        record_id=RECORD_ID,
        kind=kind,
        version=Version(time, number, 1),
        fields=fields,
        captured_at_ms=0,
    )


def ours(change: Change) -> Change:
    return change.model_copy(update={"origin": Origin(client=CLIENT_NAME)})


def merged(*changes: Change) -> Record:
    record = blank(changes[0])
    for each in changes:
        record = merge(record, each)
    return record


def test_a_blank_record_is_not_alive_and_has_no_version() -> None:
    record = blank(change("update", 1, Email="a@acme.com"))
    assert (record.alive, record.fields, record.rev, latest_version(record)) == (False, {}, 0, None)


def test_an_update_changes_what_it_names_and_clears_what_it_says_is_null() -> None:
    record = merged(change("create", 1, Title="VP", City="Oslo"), change("update", 2, Title=None, Phone="1"))
    assert record.fields == {"City": "Oslo", "Phone": "1"}


def test_a_full_state_empties_the_fields_it_does_not_name() -> None:
    assert merged(change("create", 1, Title="VP"), change("snapshot", 2, City="Oslo")).fields == {"City": "Oslo"}


def test_an_older_update_still_tells_the_fields_that_nothing_newer_has_told() -> None:
    record = merged(change("create", 1, A=1), change("update", 3, B=3), change("update", 2, A=2, B=2))
    assert record.fields == {"A": 2, "B": 3}


def test_a_cleared_field_is_not_filled_again_by_an_older_update() -> None:
    assert merged(change("create", 1), change("update", 3, A=None), change("update", 2, A=2)).fields == {}


def test_a_snapshot_leaves_newer_updates_in_place() -> None:
    record = merged(change("update", 5, A=5), change("snapshot", 3, A=3, B=3))
    assert (record.fields, record.field_versions) == ({"A": 5, "B": 3}, {"A": Version(5, 1, 1)})


@pytest.mark.parametrize("late", ["create", "update", "undelete", "snapshot"])
def test_what_is_older_than_a_delete_does_not_come_back(late: str) -> None:
    record = merged(change("create", 1, A=1), change("delete", 3), change(late, 2, A=2))
    assert (record.alive, record.fields) == (False, {})


def test_an_update_after_a_delete_waits_for_the_undelete() -> None:
    waiting = merged(change("delete", 1), change("update", 3, A=3))
    assert not waiting.alive
    revived = merge(waiting, change("undelete", 2, A=2, B=2))
    assert (revived.alive, revived.fields) == (True, {"A": 3, "B": 2})


def test_an_update_alone_proves_life_but_gives_no_full_state() -> None:
    record = merged(change("update", 1, A=1))
    assert (record.alive, record.full_version) == (True, None)


def test_versions_order_by_commit_time_then_commit_number() -> None:
    record = merged(
        change("create", 1, 9, A="first"), change("update", 2, 1, A="last"), change("update", 1, 10, A="mid")
    )
    assert record.fields == {"A": "last"}
    assert latest_version(record) == Version(2, 1, 1)


def test_snapshots_of_one_version_complete_each_other() -> None:
    """SystemModstamp does not move when a field is added to the mirror."""
    before, after = change("snapshot", 1, A=1), change("snapshot", 1, A=1, New="x")
    assert merged(before, after) == merged(after, before)
    assert merged(after, before).fields == {"A": 1, "New": "x"}


@pytest.mark.parametrize(
    "late",
    [
        change("update", 2, A=1),
        change("update", 1, A=9),
        change("create", 1, A=1),
        change("snapshot", 1, A=1),
        change("delete", 0),
    ],
)
def test_what_tells_nothing_new_returns_the_same_object(late: Change) -> None:
    record = merged(change("create", 1, A=1), change("update", 2, A=1))
    assert merge(record, late) is record


def test_a_repeated_delete_returns_the_same_object() -> None:
    record = merged(change("create", 1, A=1), change("delete", 2))
    assert merge(record, change("delete", 2)) is record


def test_routing_s_own_notes_are_left_alone() -> None:
    notes: dict[str, Any] = {
        "rev": 7,
        "targets": Targets(people=("a@acme.com",)),
        "imported": True,
        "skip": Skip(reason="no_email"),
        "rule_set_version": 3,
        "accounts_due": ("001000000000001AAA",),
    }
    record = merged(change("create", 1, A=1)).model_copy(update=notes)
    after = merge(record, change("delete", 2))
    assert {name: getattr(after, name) for name in notes} == notes


def test_a_change_of_another_record_is_a_bug() -> None:
    other = change("update", 1).model_copy(update={"team": "other"})
    with pytest.raises(ValueError, match=RECORD_ID):
        merge(blank(change("update", 1)), other)


# --- our own changes -------------------------------------------------------------------------------------------------


def test_our_own_change_is_mirrored_but_does_not_make_the_record_the_one_changed_last() -> None:
    record = merged(change("create", 1, A=1), change("update", 2, B=2), ours(change("update", 5, Score=9)))
    assert (record.fields, record.ours) == ({"A": 1, "B": 2, "Score": 9}, ("Score",))
    assert (latest_version(record), changed_by_others(record)) == (Version(5, 1, 1), Version(2, 1, 1))


@pytest.mark.parametrize("later", [change("update", 6, Score=3), change("snapshot", 6, A=1, Score=9)])
def test_somebody_else_s_later_change_of_the_field_counts(later: Change) -> None:
    record = merged(change("create", 1, A=1), ours(change("update", 5, Score=9)), later)
    assert record.ours == ()
    assert changed_by_others(record) == Version(6, 1, 1)


@pytest.mark.parametrize("kind", ["create", "delete", "undelete", "snapshot"])
def test_only_updates_can_be_ours(kind: str) -> None:
    assert merged(change("create", 1, A=1), ours(change(kind, 2))).ours == ()


# --- laws ------------------------------------------------------------------------------------------------------------

values = st.none() | st.integers(0, 2) | st.sampled_from(["x", "y"])
fields = st.dictionaries(st.sampled_from(["A", "B", "C"]), values)
kinds = st.sampled_from(["create", "update", "update", "update", "delete", "undelete", "snapshot"])
versions = st.tuples(st.integers(1, 4), st.integers(0, 2))


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    drawn = draw(st.lists(st.tuples(kinds, versions, fields), min_size=1, max_size=10))
    changes = [change(kind, *version, **({} if kind == "delete" else given)) for kind, version, given in drawn]
    # One transaction has one origin.
    return [ours(each) if each.version.commit_number == 2 else each for each in changes]


def unversioned(record: Record) -> tuple[bool, dict[str, object]]:
    return record.alive, record.fields


@given(histories(), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(history: list[Change], rng: Any) -> None:
    """Also among changes of one version, whatever they say."""
    shuffled = [*history, *rng.choices(history, k=3)]
    rng.shuffle(shuffled)
    assert merged(*shuffled) == merged(*history)


@given(histories())
def test_a_second_pass_changes_nothing(history: list[Change]) -> None:
    record = merged(*history)
    for each in history:
        assert merge(record, each) is record


@given(histories())
def test_in_commit_order_it_is_plain_overwriting(history: list[Change]) -> None:
    """An independent reading: play the last full state and the updates after it, in order of commit."""
    unique = {each.version: each for each in history}
    in_order = [unique[version] for version in sorted(unique)]
    alive, state = False, dict[str, object]()
    for each in in_order:
        if each.kind == "update":
            state.update(each.fields)
            alive = alive or not any(e.kind == "delete" for e in in_order if e.version < each.version)
        else:
            alive, state = each.kind != "delete", dict(each.fields)
    expected = (alive, {name: value for name, value in state.items() if value is not None})
    assert unversioned(merged(*in_order)) == expected


@given(histories())
def test_no_field_is_kept_that_is_empty_or_has_a_version_that_the_full_state_covers(history: list[Change]) -> None:
    record = merged(*history)
    assert None not in record.fields.values()
    if record.full_version is not None:
        assert all(version > record.full_version for version in record.field_versions.values())
    else:
        assert record.fields.keys() <= record.field_versions.keys()
    assert set(record.ours) <= record.field_versions.keys()


# --- fields that could not be read ----------------------------------------------------------------------------------


def blind(time: int, *unread: str, **fields: object) -> Change:
    return change("snapshot", time, 0, **fields).model_copy(update={"unread": unread})


def test_a_field_that_cannot_be_read_keeps_its_last_value() -> None:
    record = merged(change("create", 1, A=1, B=1), blind(3, "A", B=3))
    assert (record.fields, record.field_versions) == ({"A": 1, "B": 3}, {"A": Version(1, 1, 1)})
    assert merge(record, blind(3, "A", B=3)) is record


def test_what_is_older_than_a_full_state_still_tells_the_field_that_it_could_not_read() -> None:
    assert merged(blind(9, "A", B=9), change("update", 3, A=3, B=3)).fields == {"A": 3, "B": 9}
    assert merged(blind(9, "A", B=9), change("snapshot", 3, A=3, B=3)).fields == {"A": 3, "B": 9}
    assert merged(change("snapshot", 3, A=3), blind(9, "A"), change("update", 4, A=None)).fields == {}


def test_once_it_can_be_read_again_it_is_as_the_org_says() -> None:
    seen = merged(change("create", 1, A=1), blind(3, "A"), change("snapshot", 4, B=4))
    assert (seen.fields, seen.field_versions) == ({"B": 4}, {})


def test_a_delete_clears_it_too() -> None:
    record = merged(change("create", 1, A=1), blind(3, "A"), change("delete", 4))
    assert (record.alive, record.fields, record.field_versions) == (False, {}, {})


@st.composite
def blind_histories(draw: st.DrawFn) -> list[Change]:
    """As Salesforce tells them: one event to a version, and snapshots, which have no commit number, in between."""
    events = {each.version: each for each in draw(histories())}.values()
    names = st.lists(st.sampled_from(["A", "B", "C"]), max_size=2, unique=True)
    snapshots = draw(st.lists(st.tuples(st.integers(1, 4), names, fields), max_size=5))
    seen = [
        blind(time, *unread, **{k: v for k, v in given.items() if k not in unread}) for time, unread, given in snapshots
    ]
    numbered = [e.model_copy(update={"version": e.version._replace(commit_number=e.version[1] + 1)}) for e in events]
    return draw(st.permutations(numbered + seen))


@given(blind_histories(), st.randoms(use_true_random=False))
def test_order_does_not_matter_to_what_cannot_be_read_either(history: list[Change], rng: Any) -> None:
    shuffled = [*history, *rng.choices(history, k=3)]
    rng.shuffle(shuffled)
    assert merged(*shuffled) == merged(*history)


@given(blind_histories())
def test_in_commit_order_only_what_was_read_is_overwritten(history: list[Change]) -> None:
    unique = {each.version: each for each in history}
    state = dict[str, object]()
    for each in (unique[version] for version in sorted(unique)):
        if each.kind == "update":
            state.update(each.fields)
        else:
            state = {name: value for name, value in state.items() if name in each.unread} | each.fields
    known = {name: value for name, value in state.items() if value is not None}
    assert merged(*unique.values()).fields == known
