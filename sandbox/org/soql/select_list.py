"""The field list of a query as columns, under the names that the answer has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sandbox.org.metadata.objects import FieldType
from sandbox.org.soql.aggregate import GroupScope
from sandbox.org.soql.children import CHILD_TYPE
from sandbox.org.soql.language.errors import SoqlError, malformed
from sandbox.org.soql.language.syntax import Call, ChildQuery, Path, Query, SelectItem, TypeOf
from sandbox.org.soql.schema import Binder, Column
from sandbox.org.soql.typeof import type_column

# SOQL and SOSL Reference: FIELDS(ALL) and FIELDS(CUSTOM) need LIMIT 200 or less.
FIELDS_LIMIT = 200
_FIELD_SETS = {"all": (True, False), "standard": (False,), "custom": (True,)}


def record_columns(binder: Binder, children: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a query for records; `children` names the relationships of its child queries in order.

    Raises:
        SoqlError: INVALID_FIELD or MALFORMED_QUERY, also for a field that is selected twice.
    """
    relationships = iter(children)
    columns = [column for item in binder.query.select for column in _item_columns(binder, item, relationships)]
    _check_unique(binder.query, [column.text for column in columns])
    return tuple(columns)


def _item_columns(binder: Binder, item: SelectItem | ChildQuery | TypeOf, relationships: Iterator[str]) -> list[Column]:
    if isinstance(item, ChildQuery):
        return [_child(next(relationships))]
    return [type_column(binder, item)] if isinstance(item, TypeOf) else _expand(binder, item)


def _check_unique(query: Query, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SoqlError("MALFORMED_QUERY", f"duplicate field selected: {name}")
        seen.add(name)


def _child(relationship: str) -> Column:
    """Reads nothing until the query runs."""
    field = FieldType(relationship, CHILD_TYPE, relationship, createable=False, updateable=False)
    return Column((relationship,), field, lambda row: None)


def _expand(binder: Binder, item: SelectItem) -> list[Column]:
    expression = item.expression
    if isinstance(expression, Path):
        if item.alias:
            raise malformed(binder.query.text, expression.offset, "only aggregate expressions use field aliasing")
        return [binder.column(expression)]
    if expression.function == "fields" and isinstance(expression.argument, Path):
        return _all_fields(binder, expression.argument)
    column = binder.operand(expression)
    return [replace(column, names=(item.alias,)) if item.alias else column]


def _all_fields(binder: Binder, path: Path) -> list[Column]:
    which, limit = path.text.lower(), binder.query.limit
    if which not in _FIELD_SETS:
        raise malformed(binder.query.text, path.offset, f"unexpected token: '{path.text}'")
    if which != "standard" and (limit is None or limit > FIELDS_LIMIT):
        raise malformed(binder.query.text, path.offset, "The SOQL FIELDS function must have a LIMIT of at most 200")
    fields = (field for field in binder.object_type.fields if field.custom in _FIELD_SETS[which])
    return [binder.column(Path((field.name,), path.offset)) for field in fields]


def aggregate_columns(query: Query, scope: GroupScope) -> tuple[Column, ...]:
    """The columns of a grouped query: aliases, `expr0`, `expr1` ... for the others, last names for grouped fields."""
    numbers = iter(range(len(query.select)))
    columns = tuple(_aggregate_column(item, scope, numbers) for item in query.select)
    names = [column.text for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise SoqlError("MALFORMED_QUERY", f"duplicate alias: {name}")
    return columns


def _aggregate_column(item: SelectItem | ChildQuery | TypeOf, scope: GroupScope, numbers: Iterator[int]) -> Column:
    if isinstance(item, TypeOf):
        raise malformed(scope.text, item.path.offset, "TYPEOF is not allowed in a grouped query")
    if isinstance(item, ChildQuery):
        raise malformed(item.query.text, item.query.object_offset, "Grouped query cannot use child relationships")
    column = scope.operand(item.expression)
    if item.alias:
        return replace(column, names=(item.alias,))
    if isinstance(item.expression, Call):
        return replace(column, names=(f"expr{next(numbers)}",))
    return replace(column, names=column.names[-1:])
