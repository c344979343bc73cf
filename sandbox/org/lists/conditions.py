"""`whereCondition` of a list view, and the same as SOQL text.

Values are ready SOQL literals in JSON strings: text with its single quotes, everything else bare.
"""

from __future__ import annotations

from collections.abc import Sequence

Json = dict[str, object]

NO_CONDITION: Json = {"conditions": [], "conjunction": "and"}
# Recorded conditions are nested up to four deep.
MAX_DEPTH = 50
_COMPARATORS = {
    "equals": "=",
    "notEquals": "!=",
    "lessThan": "<",
    "lessThanOrEqualTo": "<=",
    "greaterThan": ">",
    "greaterThanOrEqualTo": ">=",
}
_SETS = {"in": "IN", "notIn": "NOT IN", "includes": "INCLUDES", "excludes": "EXCLUDES"}


class ConditionError(ValueError):
    """The JSON is not a whereCondition; the message says where."""


def leaf(field: str, operator: str, *values: str) -> Json:
    return {"field": field, "operator": operator, "values": list(values)}


def all_of(*conditions: Json) -> Json:
    return {"conditions": list(conditions), "conjunction": "and"}


def any_of(*conditions: Json) -> Json:
    return {"conditions": list(conditions), "conjunction": "or"}


def to_soql(condition: Json) -> str:
    """The condition as the body of a WHERE clause; empty when nothing is asked. Raises ConditionError."""
    return _render(condition, depth=0)


def _render(condition: object, depth: int) -> str:
    if not isinstance(condition, dict) or depth > MAX_DEPTH:
        raise ConditionError("a condition must be an object, nested not too deeply")
    if "conditions" in condition:
        return _group(condition, depth)
    if "condition" in condition:
        inner = _render(condition["condition"], depth + 1)
        return f"(NOT {inner})" if inner else ""
    return _leaf(condition)


def _group(group: Json, depth: int) -> str:
    """Parts joined, in parentheses below the top; groups with one part or none need neither."""
    conjunction, conditions = str(group.get("conjunction")), group["conditions"]
    if conjunction not in {"and", "or"} or not isinstance(conditions, list):
        raise ConditionError(f"a group needs conditions and a conjunction, not {group!r}")
    parts = [part for part in (_render(one, depth + 1) for one in conditions) if part]
    if len(parts) < 2:
        return "".join(parts)
    joined = f" {conjunction.upper()} ".join(parts)
    return f"({joined})" if depth else joined


def _leaf(condition: Json) -> str:
    field, operator = condition.get("field"), condition.get("operator")
    values = condition.get("values")
    if not isinstance(field, str) or not isinstance(operator, str) or not _texts(values):
        raise ConditionError(f"a condition needs field, operator and values, not {condition!r}")
    assert isinstance(values, list)
    if operator in _SETS:
        return f"{field} {_SETS[operator]} ({', '.join(values)})"
    if operator in {"like", "notLike"}:
        return _like(field, values, negated=operator == "notLike")
    if operator == "within" and len(values) == 3:  # no recording is known: (place, distance, unit)
        return f"DISTANCE({field}, {values[0]}, {values[2]}) < {values[1]}"
    if operator not in _COMPARATORS or len(values) != 1:
        raise ConditionError(f"operator {operator} with {len(values)} values is not supported")
    return f"{field} {_COMPARATORS[operator]} {values[0]}"


def _texts(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values)


def _like(field: str, values: Sequence[str], *, negated: bool) -> str:
    likes = " OR ".join(f"{field} LIKE {value}" for value in values)
    if negated:
        return f"(NOT {likes})" if len(values) == 1 else f"(NOT ({likes}))"
    return likes if len(values) == 1 else f"({likes})"
