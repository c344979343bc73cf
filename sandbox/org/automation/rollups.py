"""Roll-up summary fields: a parent's count, sum, least or greatest of its children."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sandbox.org.formulas.compiler import Formula, Record
from sandbox.org.formulas.values import EvaluationError
from sandbox.org.rows.writes import Change

Operation = Literal["count", "sum", "min", "max"]


@dataclass(frozen=True, slots=True)
class RollUp:
    """One roll-up summary field of ``parent_name``, over the children whose ``lookup`` points at the parent."""

    parent_name: str
    field_name: str
    child_name: str
    lookup: str
    operation: Operation
    summarized: str = ""
    condition: Formula | None = None

    def value(self, children: Iterable[Record]) -> object:
        """Without children a count and a sum are zero, and the others null."""
        rows = [child.row for child in children if self._counts(child)]
        if self.operation == "count":
            return float(len(rows))
        values = [row[self.summarized] for row in rows if row.get(self.summarized) is not None]
        if self.operation == "sum":
            return float(sum(values))  # type: ignore[arg-type]  # only numbers are summed
        choose = min if self.operation == "min" else max
        return choose(values, default=None)  # type: ignore[type-var]  # values of one field share a type

    def _counts(self, child: Record) -> bool:
        try:
            return self.condition is None or self.condition.value(child) is True
        except EvaluationError:
            return False


@dataclass(slots=True)
class RollUps:
    """The roll-up summaries of an org by child object."""

    _by_child: dict[str, list[RollUp]] = field(default_factory=dict)

    def add(self, roll_up: RollUp) -> None:
        self._by_child.setdefault(roll_up.child_name, []).append(roll_up)

    def __iter__(self) -> Iterator[RollUp]:
        return (one for roll_ups in self._by_child.values() for one in roll_ups)

    def __bool__(self) -> bool:
        return bool(self._by_child)

    def touched(self, changes: Sequence[Change]) -> dict[RollUp, set[str]]:
        """The parents whose values may be others after these changes of children."""
        found: dict[RollUp, set[str]] = {}
        for change in changes:
            for roll_up in self._by_child.get(change.object_name, ()):
                parents = {row.get(roll_up.lookup) for row in (change.before, change.after) if row}
                ids = {str(one) for one in parents if one}
                if ids:
                    found.setdefault(roll_up, set()).update(ids)
        return found
