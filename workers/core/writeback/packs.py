"""Rows and the packs that hold them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby, islice

from schemas.documents import RowOutcomeName, RowState, WritebackPack, WritebackRow, WritebackRun
from schemas.events import Entity
from workers.core.writeback.order import Planned, pack_and_slot, pack_place, row_place

PACK_ROWS = 1_000
"""Rows of a pack, some 90 KB. To find one row all are read (a millisecond); to settle a few all are written again."""


def packed(
    run: WritebackRun, entity: Entity, number: int, rows: Sequence[Planned], states: Sequence[RowState] = ()
) -> WritebackPack:
    """The pack of this number; without `states` of rows that are to be sent."""
    _, _, record_ids, scores, dates, before_scores, before_dates, insight_revs = zip(*rows, strict=True)
    pack = WritebackPack(
        team=run.team,
        run_id=run.run_id,
        sheet=run.sheet,
        place=pack_place(entity, number),
        entity=entity,
        record_ids=record_ids,
        scores=scores,
        last_engagement_dates=dates,
        before_scores=before_scores,
        before_dates=before_dates,
        insight_revs=insight_revs,
    )
    return _with_states(pack, states) if states else pack


def packs_of(run: WritebackRun, rows: Iterable[Planned], first: Mapping[Entity, int]) -> Iterator[WritebackPack]:
    """Of rows in their order; `first`: the numbers to begin with."""
    for entity, of_entity in groupby(rows, key=lambda row: row.entity):
        number = first.get(entity, 0)
        while chunk := list(islice(of_entity, PACK_ROWS)):
            yield packed(run, entity, number, chunk)
            number += 1


def pack_id(pack: WritebackPack) -> str:
    return f"{sheet_id(pack.run_id, pack.sheet)}:{pack.place}"


def sheet_id(run_id: str, sheet: int) -> str:
    """What the ids of its packs begin with."""
    return f"{run_id}:{sheet}"


def slots_of(pack: WritebackPack, after: str, until: str, outcomes: Collection[str] | None = None) -> list[int]:
    """Of the rows with one of these outcomes (None: any) behind a place, up to another."""
    others, usual = pack.others, outcomes is None or pack.state.outcome in outcomes
    slots: Iterable[int] = range(len(pack.record_ids))
    if others and outcomes is not None:
        slots = [s for s in slots if (others[str(s)].outcome in outcomes if str(s) in others else usual)]
    elif not usual:
        return []
    if after < row_place(pack.place, 0) and row_place(pack.place, len(pack.record_ids) - 1) <= until:
        return list(slots)
    return [slot for slot in slots if after < row_place(pack.place, slot) <= until]


def rows_of(pack: WritebackPack, slots: Iterable[int]) -> list[WritebackRow]:
    return [_row(pack, slot, pack.others.get(str(slot), pack.state)) for slot in slots]


def _row(pack: WritebackPack, slot: int, state: RowState) -> WritebackRow:
    return WritebackRow.trusted(
        {
            "team": pack.team,
            "run_id": pack.run_id,
            "record_id": pack.record_ids[slot],
            "entity": pack.entity,
            "score": pack.scores[slot],
            "last_engagement_date": pack.last_engagement_dates[slot],
            "outcome": state.outcome,
            "error": state.error,
            "code": state.code,
            "place": row_place(pack.place, slot),
            "round": state.round,
            "before_score": pack.before_scores[slot],
            "before_date": pack.before_dates[slot],
            "insight_rev": pack.insight_revs[slot],
        }
    )


def planned_of(row: WritebackRow) -> Planned:
    values = (row.score, row.last_engagement_date, row.before_score, row.before_date, row.insight_rev)
    return Planned(row.entity, "", row.record_id, *values)


def state_of(row: WritebackRow) -> RowState:
    return _state(row.outcome, row.error, row.code, row.round)


@lru_cache(maxsize=1024)
def _state(outcome: RowOutcomeName, error: str | None, code: str | None, number: int) -> RowState:
    """Nearly all rows share a few."""
    return RowState(outcome=outcome, error=error, code=code, round=number)


def states_of(pack: WritebackPack) -> list[RowState]:
    states = [pack.state] * len(pack.record_ids)
    for slot, state in pack.others.items():
        states[int(slot)] = state
    return states


def by_pack(rows: Iterable[WritebackRow]) -> dict[str, dict[int, WritebackRow]]:
    """By the place of the pack that each is in, and by its slot there."""
    found: dict[str, dict[int, WritebackRow]] = defaultdict(dict)
    for row in rows:
        pack, slot = pack_and_slot(row.place)
        found[pack][slot] = row
    return dict(found)


def settled_before(pack: WritebackPack, rows: Mapping[int, WritebackRow]) -> int:
    """How many of the rows, by slot, have another's outcome in the pack already."""
    states = states_of(pack)
    return sum(not _is_open(states[slot], row.round) for slot, row in rows.items())


def _is_open(state: RowState, number: int) -> bool:
    return state.outcome in ("planned", "retry") and state.round <= number


def with_rows(pack: WritebackPack, rows: Mapping[int, WritebackRow]) -> WritebackPack:
    """The pack with these rows, by slot, as they are now; their scores stay."""
    states = states_of(pack)
    before_scores, before_dates = [*pack.before_scores], [*pack.before_dates]
    for slot, row in rows.items():
        states[slot] = state_of(row)
        before_scores[slot], before_dates[slot] = row.before_score, row.before_date
    changed = pack.model_copy(update={"before_scores": tuple(before_scores), "before_dates": tuple(before_dates)})
    return _with_states(changed, states)


def _with_states(pack: WritebackPack, states: Sequence[RowState]) -> WritebackPack:
    """The commonest state stands once."""
    numbers = Counter((each.outcome, each.error, each.code, each.round) for each in states)
    usual = _state(*max(numbers, key=numbers.__getitem__))
    others = {str(slot): state for slot, state in enumerate(states) if state != usual}
    return pack.model_copy(update={"state": usual, "others": others})


def tally_of(pack: WritebackPack) -> Counter[tuple[str, str | None]]:
    """Rows by outcome and Salesforce's code."""
    tally: Counter[tuple[str, str | None]] = Counter((state.outcome, state.code) for state in pack.others.values())
    if usual := len(pack.record_ids) - len(pack.others):
        tally[pack.state.outcome, pack.state.code] += usual
    return tally


def sent_again_of(pack: WritebackPack) -> int:
    """Rows that were sent more than once."""
    usual = (len(pack.record_ids) - len(pack.others)) * (pack.state.round > 0)
    return usual + sum(state.round > 0 for state in pack.others.values())
