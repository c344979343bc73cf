"""What Salesforce lets a semi-join or anti-join be (SOQL and SOSL Reference, "Comparison Operators")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sandbox.org.soql.language.errors import malformed
from sandbox.org.soql.language.syntax import Condition, Group, Join, Negation, Query
from sandbox.org.soql.schema import Binder, Column
from sandbox.org.soql.values.literals import ID_TYPES

MAX_JOINS = 2


def check_joins(query: Query) -> None:
    """Raises SoqlError for more than two joins, or one below OR or NOT."""
    joins = list(_joins(query, query.where))
    if len(joins) > MAX_JOINS:
        message = f"maximum {MAX_JOINS} semi join sub-selects are allowed in a query"
        raise malformed(query.text, joins[MAX_JOINS].operand.offset, message)


def _joins(query: Query, condition: Condition | None, *, refusal: str | None = None) -> Iterator[Join]:
    if isinstance(condition, Join):
        if refusal:
            raise malformed(query.text, condition.operand.offset, refusal)
        yield condition
    elif isinstance(condition, Negation):
        message = "Semi join sub-selects are not supported with the 'NOT' operator"
        yield from _joins(query, condition.condition, refusal=message)
    elif isinstance(condition, Group):
        message = "Semi join sub-selects are not supported with the 'OR' operator"
        for one in condition.conditions:
            yield from _joins(query, one, refusal=message if condition.conjunction == "or" else refusal)


def inner_column(outer: Binder, join: Join, columns: Sequence[Column]) -> Column:
    """The one column of the sub-select.

    Raises:
        SoqlError: MALFORMED_QUERY unless both sides are ids, and the objects differ.
    """
    text, offset = join.query.text, join.query.object_offset
    left = outer.operand(join.operand)
    if len(columns) != 1:
        raise malformed(text, offset, "The inner select must have exactly one field in the SELECT clause")
    if left.field.type not in ID_TYPES:
        message = f"The left operand field in the where expression for outer query should be an id field: {left.text}"
        raise malformed(text, join.operand.offset, message)
    if columns[0].field.type not in ID_TYPES:
        message = f"The selected field '{columns[0].text}' in the inner query must be an id or reference field"
        raise malformed(text, offset, message)
    if left.text == "Id" and join.query.object_name.lower() == outer.object_type.name.lower():
        raise malformed(text, offset, "The inner and outer selects should not be on the same object type")
    return columns[0]
