"""What became of the rows that were sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.documents import WritebackRow


@dataclass(frozen=True, slots=True)
class Settled:
    rows: list[WritebackRow]
    unaccounted: int
    """Rows that were sent and stand in no result file, or results of rows that were never sent."""


def settle(
    sent: Sequence[WritebackRow],
    accepted: Iterable[str],
    rejected: Mapping[str, str],
    unprocessed: Iterable[str],
) -> Settled:
    """Give every sent row its outcome; what adds up to something else than was sent is counted, never dropped."""
    outcomes: dict[str, tuple[str, str | None]] = dict.fromkeys(unprocessed, ("unprocessed", None))
    outcomes |= {record_id: ("rejected", error) for record_id, error in rejected.items()}
    outcomes |= dict.fromkeys(accepted, ("accepted", None))
    rows = []
    for row in sent:
        outcome, error = outcomes.pop(row.record_id, ("planned", None))
        rows.append(row.model_copy(update={"outcome": outcome, "error": error}))
    missing = sum(row.outcome == "planned" for row in rows)
    return Settled(rows, missing + len(outcomes))
