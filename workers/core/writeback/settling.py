"""What became of the rows that were sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.documents import WritebackRow
from workers.core.writeback.verdicts import code_of, verdict_of_row

ACCEPTED = ""
"""In place of an error."""


@dataclass(frozen=True, slots=True)
class Results:
    """The outcomes of a job by record id: `errors` of the rows that were tried (`ACCEPTED` for none), and the rows that
    were not."""

    errors: Mapping[str, str] = field(default_factory=dict)
    unprocessed: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        return len(self.errors) + len(self.unprocessed - self.errors.keys())


def is_waiting(row: WritebackRow, number: int) -> bool:
    """Whether round `number` has still to settle the row: one that failed again waits for the next round."""
    return row.outcome == "planned" if number == 0 else row.outcome == "retry" and row.round < number


def judged(row: WritebackRow, error: str, number: int) -> WritebackRow:
    """The row as round `number` leaves it; `error` is Salesforce's, or `ACCEPTED`."""
    if error == ACCEPTED:
        return row.model_copy(update={"outcome": "accepted", "error": None, "code": None, "round": number})
    verdict = verdict_of_row(error)
    return row.model_copy(update={"outcome": verdict, "error": error, "code": code_of(error), "round": number})


def settle(
    sent: Sequence[WritebackRow],
    results: Results,
    number: int,
    *,
    may_fare_better: bool = False,
    why: str | None = None,
) -> list[WritebackRow]:
    """The rows of which the results tell, settled; `why` the job did not come to the unprocessed ones."""
    settled = []
    for row in sent:
        error = results.errors.get(row.record_id)
        if error is not None:
            settled.append(judged(row, error, number))
        elif row.record_id in results.unprocessed:
            outcome = "retry" if may_fare_better else "unprocessed"
            settled.append(row.model_copy(update={"outcome": outcome, "error": why, "round": number}))
    return settled


def results_of(
    accepted: Iterable[str], rejected: Iterable[tuple[str, str | None]], unprocessed: Iterable[str]
) -> Results:
    """A row that stands in several files was accepted if one of them says so."""
    errors = {record_id: error or "UNKNOWN_EXCEPTION:no explanation: --" for record_id, error in rejected}
    return Results(errors | dict.fromkeys(accepted, ACCEPTED), frozenset(unprocessed))
