"""Which lists a record can be in at all, found by what it has instead of by asking each list.

Most lists test some field for equality. Such a test is a gate: who does not have one of its values is not in the list,
whatever else it asks. Of a thousand lists only those whose gate a record opens are evaluated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from workers.core.lists.literals import Text, fold, parse_literal
from workers.core.lists.operators import RECORD_ID

Gate: TypeAlias = frozenset[tuple[str, str]]
"""(field, value as it is compared): a record that has none of these is not in the list."""

EQUALITY = frozenset({"equals", "in"})
COMPOSED = frozenset({"Name"})
"""Fields that no record has as such; see `predicates`."""


def gate_of(where: Mapping[str, Any]) -> Gate | None:
    """Of a condition that `compile_where` could compile; None: there is none, any record may meet it."""
    if "conditions" in where:
        gates = [gate_of(each) for each in where["conditions"] if not _is_empty(each)]
        if str(where.get("conjunction", "")).lower() == "or" and len(gates) > 1:
            known = [gate for gate in gates if gate is not None]
            return frozenset().union(*known) if len(known) == len(gates) else None
        return min((gate for gate in gates if gate is not None), key=len, default=None)
    if not where or "condition" in where:
        return None
    return _gate_of_leaf(where)


def _gate_of_leaf(where: Mapping[str, Any]) -> Gate | None:
    name, texts = where["field"], [parse_literal(value.strip()) for value in where["values"]]
    if where["operator"] not in EQUALITY or name in COMPOSED:
        return None
    plain = [text.plain for text in texts if isinstance(text, Text) and text.plain]
    if len(plain) < len(texts):  # a number, null, the empty text that finds the empty ones
        return None
    if name.endswith("Id") and all(RECORD_ID.fullmatch(each) for each in plain):
        return frozenset((name, each[:15]) for each in plain)
    return frozenset((name, fold(each)) for each in plain)


def _is_empty(where: object) -> bool:
    """As a group ignores it."""
    if not isinstance(where, Mapping) or not where:
        return True
    if "conditions" in where:
        return all(_is_empty(each) for each in where["conditions"])
    return "condition" in where and _is_empty(where["condition"])


class GateKeeper:
    """Finds by the fields of a record which of many gates it opens."""

    def __init__(self, gates: Iterable[Gate | None]) -> None:
        self._open: list[int] = []
        self._opened_by: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, gate in enumerate(gates):
            if gate is None:
                self._open.append(number)
                continue
            for name, value in gate:
                self._opened_by[name][value].append(number)

    def opened(self, fields: Mapping[str, object]) -> list[int]:
        """The numbers of the gates that these fields open, ascending; and of those who have none."""
        numbers = {number for opened in self._found(fields) for number in opened}
        return sorted(numbers.union(self._open)) if numbers else self._open

    def _found(self, fields: Mapping[str, object]) -> Iterator[list[int]]:
        for name, opened_by in self._opened_by.items():
            value = fields.get(name)
            if isinstance(value, str):
                yield opened_by.get(fold(value), [])
                if name.endswith("Id"):  # ids are compared by their first 15 characters, with case
                    yield opened_by.get(value[:15], [])
