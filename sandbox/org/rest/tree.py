"""``/composite/tree/X``: records with their children, created all or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, MalformedBodyError, actor_of, json_object, json_response, not_found
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rows.writes import Actor, RowError, RowResult, Write
from sandbox.org.store.org import Org
from sandbox.org.store.sharing import UserView

# REST API guide: 200 records of all levels together, five levels.
MAX_RECORDS, MAX_LEVELS = 200, 5
_Json = dict[str, object]


def routes(org: Org) -> list[web.RouteDef]:
    async def create(request: web.Request) -> web.Response:
        view = org.view(request[USER_ID])
        object_type = view.find_object(request.match_info["object"])
        if object_type is None:
            return not_found()
        nodes = list(_nodes(view, object_type, (await json_object(request)).get("records"), None, 1))
        if len(nodes) > MAX_RECORDS:
            raise MalformedBodyError(f"a tree has at most {MAX_RECORDS} records")
        return _created(org, nodes, actor_of(request))

    return [web.post(f"{DATA}/composite/tree/{{object}}", create)]


@dataclass(slots=True)
class _Node:
    object_type: ObjectType
    reference_id: str
    fields: _Json
    parent: _Node | None
    parent_field: str
    record_id: str | None = None


def _created(org: Org, nodes: list[_Node], actor: Actor) -> web.Response:
    with org.unit_of_work() as unit:
        results = [_create(org, node, actor) for node in nodes]
        if all(result.success for result in results):
            saved = [{"referenceId": node.reference_id, "id": node.record_id} for node in nodes]
            return json_response({"hasErrors": False, "results": saved}, 201)
        unit.fail()
    failed = [
        {"referenceId": node.reference_id, "errors": [_error(one) for one in result.errors]}
        for node, result in zip(nodes, results, strict=True)
        # A child of a refused parent was not tried.
        if not result.success and result.errors
    ]
    return json_response({"hasErrors": True, "results": failed}, 400)


def _create(org: Org, node: _Node, actor: Actor) -> RowResult:
    fields = dict(node.fields)
    if node.parent is not None:
        if node.parent.record_id is None:
            return RowResult(None, success=False, created=False)
        fields[node.parent_field] = node.parent.record_id
    (result,) = org.commit([Write("create", node.object_type.name, None, fields)], actor)
    node.record_id = result.record_id if result.success else None
    return result


def _error(error: RowError) -> _Json:
    return {"statusCode": error.status_code, "message": error.message, "fields": list(error.fields)}


def _nodes(
    view: UserView, object_type: ObjectType, records: object, parent: tuple[_Node, str] | None, level: int
) -> Iterator[_Node]:
    """The records from the root on, parents before their children."""
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records) or level > MAX_LEVELS:
        raise MalformedBodyError(f"records must be a list of objects, nested at most {MAX_LEVELS} levels deep")
    for record in records:
        node = _node(object_type, record, parent)
        yield node
        for name, value in record.items():
            if isinstance(value, dict) and name != "attributes":
                child_type, field = _child(view, object_type, name)
                yield from _nodes(view, child_type, value.get("records"), (node, field.name), level + 1)


def _node(object_type: ObjectType, record: _Json, parent: tuple[_Node, str] | None) -> _Node:
    attributes = record.get("attributes")
    reference_id = attributes.get("referenceId") if isinstance(attributes, dict) else None
    if not isinstance(reference_id, str) or not reference_id:
        raise MalformedBodyError("every record needs attributes with a referenceId")
    fields = {name: value for name, value in record.items() if not isinstance(value, dict)}
    above, field_name = parent or (None, "")
    return _Node(object_type, reference_id, fields, above, field_name)


def _child(view: UserView, parent: ObjectType, relationship: str) -> tuple[ObjectType, FieldType]:
    for object_type in view.objects().values():
        for field in object_type.references:
            same = (field.child_relationship or "").lower() == relationship.lower()
            if same and parent.name in field.reference_to:
                return object_type, field
    raise MalformedBodyError(f"No such relationship '{relationship}' on {parent.name}")
