"""What the runs came to, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tests.faults.runs import Outcome

OUTCOMES: list[Outcome] = []
"""Of this session."""

FIGURES: list[str] = []
"""Sentences beside the table."""

HEADINGS = ("row", "runs", "violations", "duplicates", "changes", "recovery p50 s", "p95 s", "RSS MB")


def table(outcomes: Sequence[Outcome]) -> str:
    ordered = sorted(outcomes, key=lambda outcome: outcome.row)
    lines = [HEADINGS, *(_line(row, [*group]) for row, group in groupby(ordered, key=lambda outcome: outcome.row))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


def _line(row: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    recoveries = sorted(one.recovery_seconds for one in outcomes if one.recovery_seconds is not None)
    return (
        row,
        str(len(outcomes)),
        str(sum(bool(one.violations) for one in outcomes)),
        str(sum(one.duplicates for one in outcomes)),
        str(sum(one.changes for one in outcomes)),
        _percentile(recoveries, 0.50),
        _percentile(recoveries, 0.95),
        f"{max(one.peak_rss_mb for one in outcomes):.0f}",
    )


def _percentile(ascending: Sequence[float], share: float) -> str:
    return f"{ascending[min(len(ascending) - 1, int(share * len(ascending)))]:.1f}" if ascending else "-"
