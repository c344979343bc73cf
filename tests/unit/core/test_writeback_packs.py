"""Rows in packs: whatever becomes of them, a pack tells the same as a list of rows would."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import RowState, WritebackRow, WritebackRun
from workers.core.writeback import Planned
from workers.core.writeback.order import first_pack, next_pack, pack_place, row_place
from workers.core.writeback.packs import (
    PACK_ROWS,
    by_pack,
    packed,
    packs_of,
    rows_of,
    sent_again_of,
    settled_before,
    slots_of,
    tally_of,
    with_rows,
)

RUN = WritebackRun(team="acme", run_id="r", started_at_ms=1, sheet=4)
OUTCOMES = ("planned", "retry", "accepted", "rejected", "same", "postponed")


def planned(number: int, entity: Any = "contact", parent: str = "") -> Planned:
    return Planned(entity, parent, f"003{number:012d}AAA", number / 2, None, None if number % 2 else 7.0, None)


states = st.builds(
    RowState,
    outcome=st.sampled_from(OUTCOMES),
    error=st.sampled_from((None, "X:y:--")),
    code=st.sampled_from((None, "X")),
    round=st.integers(0, 2),
)


@st.composite
def changes(draw: st.DrawFn) -> tuple[int, list[dict[int, RowState]]]:
    rows = draw(st.integers(1, 6))
    return rows, draw(st.lists(st.dictionaries(st.integers(0, rows - 1), states), max_size=4))


@given(changes(), st.sets(st.sampled_from(OUTCOMES)), st.integers(-1, 6), st.integers(-1, 6))
def test_a_pack_tells_what_its_rows_are(
    given_changes: tuple[int, list[dict[int, RowState]]], wanted: set[str], after: int, until: int
) -> None:
    number, steps = given_changes
    pack = packed(RUN, "contact", 3, [planned(n) for n in range(number)])
    rows = rows_of(pack, range(number))
    for step in steps:
        for slot, state in step.items():
            rows[slot] = rows[slot].model_copy(update={**state.model_dump(), "before_score": float(slot)})
        pack = with_rows(pack, {slot: rows[slot] for slot in step})
    assert rows_of(pack, range(number)) == rows
    assert tally_of(pack) == Counter((row.outcome, row.code) for row in rows)
    assert sent_again_of(pack) == sum(row.round > 0 for row in rows)
    first, last = row_place(pack.place, max(after, 0)), row_place(pack.place, max(until, 0))
    found = slots_of(pack, first, last, wanted)
    assert found == [n for n, row in enumerate(rows) if row.outcome in wanted and first < row.place <= last]
    assert slots_of(pack, "", "~") == list(range(number))


def test_a_row_of_a_pack_is_as_if_it_was_checked() -> None:
    (row,) = rows_of(packed(RUN, "contact", 3, [planned(1)]), [0])
    checked = WritebackRow.model_validate(row.model_dump())
    assert row == checked
    assert row.model_fields_set == set(WritebackRow.model_fields)
    assert (row.run_id, row.place) == ("r", "contact/000003/0000")


def test_only_what_is_still_open_may_be_settled() -> None:
    pack = packed(RUN, "contact", 0, [planned(n) for n in range(3)])
    rows = rows_of(pack, range(3))
    accepted = {slot: row.model_copy(update={"outcome": "accepted"}) for slot, row in enumerate(rows)}
    assert settled_before(pack, accepted) == 0
    taken = with_rows(pack, {0: accepted[0], 1: rows[1].model_copy(update={"outcome": "retry", "round": 2})})
    assert settled_before(taken, accepted) == 2, "one is settled, one was sent again since"
    assert settled_before(taken, {1: accepted[1].model_copy(update={"round": 3}), 2: accepted[2]}) == 0


def test_rows_find_their_packs() -> None:
    packs = list(packs_of(RUN, [planned(n) for n in range(PACK_ROWS + 2)], {}))
    rows = [row for pack in packs for row in rows_of(pack, range(len(pack.record_ids)))][PACK_ROWS - 1 :]
    assert by_pack(rows) == {
        "contact/000000": {PACK_ROWS - 1: rows[0]},
        "contact/000001": {0: rows[1], 1: rows[2]},
    }


def test_rows_are_packed_by_entity_in_their_order_and_numbered_on() -> None:
    contacts = [planned(n) for n in range(PACK_ROWS + 1)]
    leads = [planned(n, "lead") for n in range(2)]
    found = [(pack.place, len(pack.record_ids)) for pack in packs_of(RUN, [*contacts, *leads], {"lead": 7})]
    assert found == [("contact/000000", PACK_ROWS), ("contact/000001", 1), ("lead/000007", 2)]


def test_where_a_reading_begins() -> None:
    pack = pack_place("contact", 12)
    assert first_pack(row_place(pack, 5)) == pack
    assert first_pack("contact/") == "contact/"
    assert pack < next_pack(pack) < pack_place("contact", 13)
