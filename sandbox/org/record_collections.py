"""sObject Collections: up to 200 records created, updated or deleted in one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from sandbox.org.rest import DATA
from sandbox.org.store import Org
from sandbox.org.wire import MalformedBodyError, actor_of, json_object, json_response, routing_error
from sandbox.org.writes import Operation, RowResult, Write


def routes(org: Org) -> list[web.RouteDef]:
    handlers = RecordCollections(org)
    path = f"{DATA}/composite/sobjects"
    return [
        web.post(path, handlers.create),
        web.patch(path, handlers.update),
        web.delete(path, handlers.delete),
    ]


class RecordCollections:
    """The handlers, over one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def create(self, request: web.Request) -> web.Response:
        return await self._write_body("create", request)

    async def update(self, request: web.Request) -> web.Response:
        return await self._write_body("update", request)

    async def delete(self, request: web.Request) -> web.Response:
        ids = [one for one in request.query.get("ids", "").split(",") if one]
        writes = [Write("delete", self._object_of(record_id), record_id, {}) for record_id in ids]
        all_or_none = request.query.get("allOrNone", "false").lower() == "true"
        return self._commit(writes, request, all_or_none=all_or_none)

    async def _write_body(self, operation: Operation, request: web.Request) -> web.Response:
        body = await json_object(request)
        records = body.get("records")
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise MalformedBodyError("records must be a list of objects")
        writes = [_write(operation, record) for record in records]
        return self._commit(writes, request, all_or_none=body.get("allOrNone") is True)

    def _commit(self, writes: list[Write], request: web.Request, *, all_or_none: bool) -> web.Response:
        limit = self._org.config.collections_max_rows
        if len(writes) > limit:
            message = f"record limit reached. cannot submit more than {limit} records into this call"
            return routing_error(400, "EXCEEDED_ID_LIMIT", message)
        results = self._org.commit(writes, actor_of(request), all_or_none=all_or_none)
        return json_response(list(_result_bodies(results)))

    def _object_of(self, record_id: str) -> str:
        """The object type by key prefix; the id itself when no type has it, which the org then refuses."""
        prefix = record_id[:3]
        return next((one.name for one in self._org.objects().values() if one.key_prefix == prefix), record_id)


def _write(operation: Operation, record: dict[str, object]) -> Write:
    attributes = record.get("attributes")
    object_name = str(attributes.get("type", "")) if isinstance(attributes, dict) else ""
    fields = {name: value for name, value in record.items() if name != "attributes"}
    if operation == "create":
        return Write(operation, object_name, None, fields)
    record_id = next((str(fields.pop(name)) for name in list(fields) if name.lower() == "id"), None)
    return Write(operation, object_name, record_id, fields)


def _result_bodies(results: Iterable[RowResult]) -> Iterable[dict[str, object]]:
    """A refused row has no id, and its error key is ``statusCode``."""
    for result in results:
        if result.success:
            yield {"id": result.record_id, "success": True, "errors": []}
        else:
            errors = [
                {"statusCode": error.status_code, "message": error.message, "fields": list(error.fields)}
                for error in result.errors
            ]
            yield {"success": False, "errors": errors}
