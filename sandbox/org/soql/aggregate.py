"""GROUP BY, HAVING and aggregate functions: rows of an object to rows of groups, keyed by expression."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sandbox.org.metadata.objects import NUMBER_TYPES, FieldType
from sandbox.org.rows.tables import Snapshot
from sandbox.org.soql.evaluate import KeyTest, Predicate
from sandbox.org.soql.language.errors import SoqlError, at_position, malformed
from sandbox.org.soql.language.syntax import Call, Expression, Join, Path, Query, SelectItem
from sandbox.org.soql.schema import Binder, BoundScope, Column, Row
from sandbox.org.soql.values.functions import AGGREGATES
from sandbox.org.soql.values.literals import Key, key_of

Aggregator = Callable[[Sequence[Row]], object]
# A condition on COUNT(x) compares whole numbers, one on SUM(x) or AVG(x) any number.
_COUNT = FieldType("", "int", "", createable=False, updateable=False)


# SOQL and SOSL Reference, "GROUP BY ROLLUP".
MAX_SUBTOTAL_FIELDS = 3


def is_aggregate(query: Query) -> bool:
    """Whether the answer has groups instead of records."""
    items = [one for one in query.select if isinstance(one, SelectItem)]
    return bool(query.group) or any(_has_aggregate(one.expression) for one in items)


def _has_aggregate(expression: Expression) -> bool:
    if isinstance(expression, Path):
        return False
    if expression.function in AGGREGATES:
        return expression.argument is not None
    return expression.argument is not None and _has_aggregate(expression.argument)


@dataclass(slots=True)
class GroupScope(BoundScope):
    """Resolves expressions against groups, and remembers which aggregates must be computed."""

    binder: Binder
    _keys: dict[str, Column] = field(default_factory=dict)
    _aggregates: dict[str, Aggregator] = field(default_factory=dict)

    @classmethod
    def of(cls, binder: Binder) -> GroupScope:
        """Raises SoqlError for a field that cannot be grouped."""
        scope = cls(binder)
        query = binder.query
        if query.subtotals != "none" and len(query.group) > MAX_SUBTOTAL_FIELDS:
            detail = f"Cannot use more than {MAX_SUBTOTAL_FIELDS} fields in {query.subtotals.upper()}"
            raise malformed(query.text, query.group[0].offset, detail)
        for expression in binder.query.group:
            column = binder.operand(expression)
            if not column.field.groupable and isinstance(expression, Path):
                detail = f"field '{column.text}' can not be grouped in a query call"
                raise SoqlError("MALFORMED_QUERY", at_position(scope.text, expression.offset, detail))
            scope._keys[scope._name(expression)] = column
        return scope

    def operand(self, expression: Expression) -> Column:
        """The column of a grouped expression or an aggregate.

        Raises:
            SoqlError: MALFORMED_QUERY for a field that is neither grouped nor aggregated.
        """
        if isinstance(expression, Call) and expression.function in AGGREGATES:
            return self._aggregate(expression)
        if isinstance(expression, Call) and expression.function == "grouping" and expression.argument:
            return self._grouping(expression, self._name(expression.argument))
        if isinstance(expression, Call) and expression.argument and _has_aggregate(expression.argument):
            return self.binder.function(expression, self.operand(expression.argument))
        name = self._name(expression)
        if name not in self._keys:
            detail = f"Field must be grouped or aggregated: {expression.text}"
            raise malformed(self.text, expression.offset, detail)
        return replace(self._keys[name], read=lambda group: group[name])

    def join_test(self, join: Join) -> KeyTest:
        raise malformed(self.text, join.operand.offset, "Semi join sub-selects are not allowed in HAVING")

    def groups(self, rows: Snapshot, having: Predicate) -> list[Row]:
        """One row per group that HAVING lets through; a query without GROUP BY has exactly one group."""
        groups = (group for names in self._levels() for group in self._level(rows, names))
        return [group for group in groups if having(group)]

    def _levels(self) -> list[tuple[str, ...]]:
        """The fields by which rows are grouped: all of them, and those of the subtotals."""
        names = tuple(self._keys)
        match self.binder.query.subtotals:
            case "rollup":
                return [names[:count] for count in range(len(names), -1, -1)]
            case "cube":
                counts = range(len(names), -1, -1)
                return [some for count in counts for some in itertools.combinations(names, count)]
            case _:
                return [names]

    def _level(self, rows: Snapshot, names: tuple[str, ...]) -> Iterator[Row]:
        parts = [(key_of(self._keys[name].field), self._keys[name].read) for name in names]
        members = rows.grouped(lambda row: tuple(key(read(row)) for key, read in parts)) if parts else {(): rows}
        return (self._group(group, names) for group in members.values())

    def _group(self, rows: Sequence[Row], names: tuple[str, ...]) -> Row:
        """What is not among `names` was left out of this subtotal."""
        group = {name: column.read(rows[0]) if name in names else None for name, column in self._keys.items() if rows}
        group |= {f"grouping({name})": int(name not in names) for name in self._keys}
        return group | {name: compute(rows) for name, compute in self._aggregates.items()}

    def _grouping(self, call: Call, name: str) -> Column:
        """1 in the subtotals that leave the field out."""
        if self.binder.query.subtotals == "none" or name not in self._keys:
            detail = "GROUPING is only allowed with GROUP BY ROLLUP or GROUP BY CUBE"
            raise malformed(self.text, call.offset, detail)
        return Column((f"grouping({name})",), _COUNT, lambda group: group[f"grouping({name})"])

    def _name(self, expression: Expression) -> str:
        """The same for the same expression, however it is written."""
        if isinstance(expression, Path):
            return self.binder.column(expression).text
        return f"{expression.function}({self._name(expression.argument) if expression.argument else ''})"

    def _aggregate(self, call: Call) -> Column:
        if call.argument is None:
            raise malformed(self.text, call.offset, "Grouped query cannot use COUNT() without a field")
        argument = self.binder.operand(call.argument)
        if not _accepts(call.function, argument.field):
            detail = f"field {argument.text} does not support aggregate operator {call.function.upper()}"
            raise SoqlError("MALFORMED_QUERY", at_position(self.text, call.offset, detail))
        name = f"{call.function}({argument.text})"
        self._aggregates[name] = _aggregator(call.function, argument)
        return Column((name,), _result_field(call.function, argument.field), lambda group: group[name])


def _accepts(function: str, field_type: FieldType) -> bool:
    if function in {"sum", "avg"}:
        return field_type.type in NUMBER_TYPES
    return field_type.aggregatable


def _result_field(function: str, argument: FieldType) -> FieldType:
    if function in {"count", "count_distinct"}:
        return _COUNT
    return replace(argument, type="double") if function == "avg" else argument


def _aggregator(function: str, argument: Column) -> Aggregator:
    """Nulls take part in no aggregate; without any value COUNT is 0 and the others are null."""
    key, read = key_of(argument.field), argument.read
    reduce = _REDUCE[function]

    def compute(rows: Sequence[Row]) -> object:
        values = ((key(value), value) for value in map(read, rows))
        return reduce([(one, value) for one, value in values if one is not None])

    return compute


_Values = list[tuple[Key, object]]


def _sum(values: _Values) -> object:
    return sum(value for _, value in values) if values else None  # type: ignore[misc]  # numbers, by _accepts


def _average(values: _Values) -> object:
    return sum(float(key) for key, _ in values) / len(values) if values else None


def _extreme(choose: Callable[..., tuple[Key, object]]) -> Callable[[_Values], object]:
    return lambda values: choose(values, key=lambda one: one[0])[1] if values else None


_REDUCE: dict[str, Callable[[_Values], object]] = {
    "count": len,
    "count_distinct": lambda values: len({key for key, _ in values}),
    "sum": _sum,
    "avg": _average,
    "min": _extreme(min),
    "max": _extreme(max),
}
