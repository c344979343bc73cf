"""O8: the org's values equal the expected ones, and every row was written effectively once, as its ledger counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.documents import WritebackRun

SCORE, DATE = "Engagement_Score__c", "Last_Engagement_Date__c"
SHOWN = 4
"""Of what is wrong."""


@dataclass(slots=True)
class Written:
    """What the org's ledger says of the scores."""

    values: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    """By record: each score that it was given, in order; a score that it had already is no change to the org."""
    changes: int = 0


def written(ledger: Iterable[Mapping[str, Any]]) -> Written:
    found = Written()
    for line in ledger:
        if line["kind"] == "commit" and SCORE in line["changed"]:
            found.values[line["recordId"]].append(line["changed"][SCORE])
            found.changes += 1
    return found


def judge(
    expected: Mapping[str, Sequence[float]],
    rows: Mapping[str, Mapping[str, Any]],
    found: Written,
    runs: Sequence[WritebackRun],
    open_jobs: Sequence[str],
) -> list[str]:
    """`expected`: by record, the scores that it had one after the other; `rows`: what the org holds at the end."""
    return [
        *_shown("O8: has another score", _other_values(expected, rows)),
        *_shown("O8: written out of turn", _out_of_turn(expected, found)),
        *_shown("O8: a stranger's record is written", sorted(found.values.keys() - expected.keys())),
        *_shown("a run does not add up", [_sums(run) for run in runs if not _adds_up(run)]),
        *_shown("a run has not ended", [run.run_id for run in runs if run.state == "running"]),
        *_shown("a job was left behind", open_jobs),
    ]


def _shown(what: str, cases: Sequence[str]) -> list[str]:
    return [f"{what} ({len(cases)}): {', '.join(cases[:SHOWN])}"] if cases else []


def _other_values(expected: Mapping[str, Sequence[float]], rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{record_id} {rows[record_id].get(SCORE)} for {scores[-1]}"
        for record_id, scores in expected.items()
        if record_id in rows and rows[record_id].get(SCORE) != scores[-1]
    ]


def _out_of_turn(expected: Mapping[str, Sequence[float]], found: Written) -> list[str]:
    """Days may be missed; no score may come a second time, or after a later one."""
    return [
        f"{record_id}: {values} of {list(expected[record_id])}"
        for record_id, values in found.values.items()
        if record_id in expected and not _in_turn(values, expected[record_id])
    ]


def _in_turn(values: Sequence[Any], scores: Sequence[float]) -> bool:
    turns = iter(scores)
    return all(value in turns for value in values)


def _adds_up(run: WritebackRun) -> bool:
    counted = run.accepted + run.rejected + run.unprocessed + run.disabled + run.postponed + run.kept
    counted += run.skipped.get("same", 0)
    return run.state == "running" or run.planned == counted


def _sums(run: WritebackRun) -> str:
    return f"{run.run_id}: planned {run.planned}, accepted {run.accepted}, rejected {run.rejected}, {run.detail}"
