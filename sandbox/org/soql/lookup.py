"""Which rows can match at all, where a query names ids or other values that an index finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.org.metadata.objects import FieldType
from sandbox.org.rows.tables import Snapshot
from sandbox.org.soql.language.syntax import Comparison, Condition, Group, Literal, Path
from sandbox.org.soql.schema import Binder, RecordSource
from sandbox.org.soql.values.literals import ID_TYPES, unescape
from sandbox.org.values.ids import MalformedIdError, to_18


@dataclass(frozen=True, slots=True)
class Lookup:
    """Every row that matches has one of these values in the field."""

    object_name: str
    field_name: str
    values: tuple[str, ...]

    def rows(self, source: RecordSource) -> Snapshot:
        """The live ones, and possibly some that do not match."""
        found = (source.rows_with(self.object_name, self.field_name, value) for value in self.values)
        return Snapshot.of({str(row["Id"]): row for rows in found for row in rows}.values())


def lookup(binder: Binder) -> Lookup | None:
    """The first of the conditions, all of which must hold, that an index can answer."""
    for comparison in _comparisons(binder.query.where):
        field = _indexed_field(binder, comparison)
        values = [_value(binder.query.text, field, literal) for literal in comparison.values] if field else []
        if field and None not in values:
            named = tuple(dict.fromkeys(value for value in values if value is not None))
            return Lookup(binder.object_type.name, field.name, named)
    return None


def _comparisons(condition: Condition | None) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        yield condition
    elif isinstance(condition, Group) and condition.conjunction == "and":
        for one in condition.conditions:
            yield from _comparisons(one)


def _indexed_field(binder: Binder, comparison: Comparison) -> FieldType | None:
    if comparison.operator not in {"=", "in"} or not isinstance(comparison.operand, Path):
        return None
    column = binder.column(comparison.operand)
    field = column.field
    identifies = field.type in ID_TYPES or ((field.external_id or field.unique) and field.type == "string")
    return field if len(column.names) == 1 and identifies and field.compute is None else None


def _value(text: str, field: FieldType, literal: Literal) -> str | None:
    """What to look for; None when the literal is no value of the field."""
    if literal.kind != "string":
        return None
    value = unescape(text, literal)
    if field.type not in ID_TYPES:
        return value or None
    try:
        return to_18(value[:15])
    except MalformedIdError:
        return None
