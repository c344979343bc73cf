"""The figures of a run, from the outcomes of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.events import Entity


@dataclass(frozen=True, slots=True)
class Figures:
    outcomes: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    """Rejected rows by Salesforce's code."""

    @property
    def planned(self) -> int:
        return self.outcomes.total()

    @property
    def waiting(self) -> int:
        """Rows that have no outcome yet."""
        return self.outcomes["planned"] + self.outcomes["retry"]


def figures_of(tally: Mapping[tuple[Entity, str, str | None], int]) -> Figures:
    """Of rows by entity, outcome and Salesforce's code."""
    figures = Figures()
    for (_, outcome, code), rows in tally.items():
        figures.outcomes[outcome] += rows
        if outcome == "rejected":
            figures.rejections[code or "UNKNOWN"] += rows
    return figures
