"""Rows in their compact form must behave as a plain dict of dicts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.org.rows.tables import Rows
from sandbox.org.rows.writes import Row

_IDS = st.sampled_from(["a", "b", "c", "d"])
_VALUES = st.sampled_from(["One", "ONE", "two", 1, 2.5, True])
_ROWS = st.dictionaries(st.sampled_from(["Name", "City", "Score", "Flag"]), _VALUES)
_STEPS = st.lists(st.tuples(_IDS, st.none() | _ROWS), max_size=40)


def _apply(rows: Rows, model: dict[str, Row], steps: list[tuple[str, Row | None]]) -> None:
    for record_id, row in steps:
        if row is None:
            assert rows.pop(record_id, None) == model.pop(record_id, None)
        else:
            rows[record_id] = model[record_id] = row


@given(_STEPS)
def test_rows_are_those_that_were_put(steps: list[tuple[str, Row | None]]) -> None:
    rows, model = Rows(), dict[str, Row]()
    _apply(rows, model, steps)
    assert dict(rows.items()) == model
    assert list(rows.snapshot()) == list(model.values())
    assert ("a" in rows) == ("a" in model)
    assert len(rows) == len(model)


@given(_STEPS, _STEPS, _VALUES)
def test_an_index_follows_every_change(
    before: list[tuple[str, Row | None]], after: list[tuple[str, Row | None]], wanted: object
) -> None:
    rows, model = Rows(), dict[str, Row]()
    _apply(rows, model, before)
    rows.ids_with("Name", wanted)
    _apply(rows, model, after)
    expected = {key for key, row in model.items() if "Name" in row and str(row["Name"]).lower() == str(wanted).lower()}
    assert set(rows.ids_with("Name", wanted)) == expected


def test_a_snapshot_does_not_change() -> None:
    rows = Rows()
    rows["a"] = {"Name": "Ann", "City": "Oslo"}
    rows["b"] = {"Name": "Bo"}
    taken = rows.snapshot()
    rows["a"] = {"Name": "Anna"}
    del rows["b"]
    assert list(taken) == [{"Name": "Ann", "City": "Oslo"}, {"Name": "Bo"}]
    assert taken[1:][0] == {"Name": "Bo"}
    assert list(taken.where(lambda row: "City" in row)) == [taken[0]]
    assert list(taken.sorted(lambda row: row["Name"], reverse=True)) == [taken[1], taken[0]]


def test_what_is_handed_out_is_a_copy() -> None:
    rows = Rows()
    rows["a"] = {"Name": "Ann"}
    rows["a"]["Name"] = "Bo"
    assert rows["a"] == {"Name": "Ann"}
