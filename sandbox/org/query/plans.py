"""`query?explain=`: the plans of a query as an optimizer without custom indexes would see them (REST API guide)."""

from __future__ import annotations

from sandbox.org.metadata.objects import ObjectType
from sandbox.org.soql.execute import prepare
from sandbox.org.soql.language.syntax import Comparison, Condition, Group, Join, Path
from sandbox.org.soql.schema import RecordSource

_Json = dict[str, object]
# Standard indexes of every object; a foreign key and an external id have one too.
_INDEXED = frozenset({"Id", "Name", "OwnerId", "CreatedDate", "SystemModstamp", "RecordTypeId", "Email"})
_NOTE = "Not considering filter for optimization because unindexed"


def plans(source: RecordSource, text: str, user_id: str) -> _Json:
    """The answer to `explain`, cheapest plan first. Raises SoqlError for a query that cannot run."""
    prepared = prepare(source, text, user_id)
    object_type = prepared.object_type
    total = sum(1 for _ in source.rows(object_type.name))
    matching = sum(1 for row in source.rows(object_type.name) if prepared.matches(row))
    indexed = [name for name in _filtered(prepared.query.where, object_type) if _is_indexed(object_type, name)]
    found = [_plan(object_type, [name], "Index", matching, total) for name in dict.fromkeys(indexed)]
    found.append(_plan(object_type, [], "TableScan", matching, total))
    return {"plans": sorted(found, key=lambda one: float(str(one["relativeCost"]))), "sourceQuery": text}


def _plan(object_type: ObjectType, fields: list[str], operation: str, matching: int, total: int) -> _Json:
    share = matching / total if total else 0.0
    # A scan is what the cost is relative to; an index pays below some share of the records.
    cost = share if operation == "Index" else max(share, 0.33) if total else 0.0333
    note: _Json = {"description": _NOTE, "fields": ["IsDeleted"], "tableEnumOrId": object_type.name}
    return {
        "cardinality": matching,
        "fields": fields,
        "leadingOperationType": operation,
        "notes": [note],
        "relativeCost": round(cost, 4),
        "sobjectCardinality": total,
        "sobjectType": object_type.name,
    }


def _filtered(condition: Condition | None, object_type: ObjectType) -> list[str]:
    """Fields of the object itself whose conditions must hold."""
    if isinstance(condition, Group):
        parts = condition.conditions if condition.conjunction == "and" else ()
        return [name for one in parts for name in _filtered(one, object_type)]
    if isinstance(condition, Comparison | Join) and isinstance(condition.operand, Path):
        field = object_type.find(condition.operand.parts[-1])
        return [field.name] if field is not None and len(condition.operand.parts) == 1 else []
    return []


def _is_indexed(object_type: ObjectType, name: str) -> bool:
    field = object_type.by_name[name]
    return name in _INDEXED or field.type == "reference" or field.external_id or field.unique
