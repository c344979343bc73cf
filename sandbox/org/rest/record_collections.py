"""sObject Collections: up to 200 records created, updated, upserted or deleted in one transaction, or read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiohttp import web

from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import (
    USER_ID,
    MalformedBodyError,
    api_error,
    json_object,
    json_response,
    not_found,
    routing_error,
)
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rest.json_rows import commit_json
from sandbox.org.rest.records import record_url, selected_fields, value_of
from sandbox.org.rows.writes import Operation, Row, RowError, RowResult, Write
from sandbox.org.store.lookup import find_records
from sandbox.org.store.org import Org
from sandbox.org.store.sharing import UserView
from sandbox.org.values.ids import MalformedIdError, to_18

# salesforce-shapes 4.2, recorded.
_NO_ATTRIBUTES = RowError(
    "JSON_PARSER_ERROR",
    "Nested object for polymorphic foreign key must have an attributes field before any other fields.",
)


def routes(org: Org) -> list[web.RouteDef]:
    handlers = RecordCollections(org)
    path = f"{DATA}/composite/sobjects"
    return [
        web.post(path, handlers.create),
        web.patch(path, handlers.update),
        web.delete(path, handlers.delete),
        web.patch(f"{path}/{{object}}/{{field}}", handlers.upsert),
        web.get(f"{path}/{{object}}", handlers.retrieve),
        web.post(f"{path}/{{object}}", handlers.retrieve),
    ]


class RecordCollections:
    """The handlers, over one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def create(self, request: web.Request) -> web.Response:
        return await self._write_body("create", request)

    async def update(self, request: web.Request) -> web.Response:
        return await self._write_body("update", request)

    async def upsert(self, request: web.Request) -> web.Response:
        """Each row is created, or updates the one record that has its value in the field of the path."""
        object_type = self._org.view(request[USER_ID]).find_object(request.match_info["object"])
        field = object_type.find(request.match_info["field"]) if object_type else None
        if object_type is None:
            return not_found()
        if field is None or not field.id_lookup:
            message = f"Provided external ID field does not exist or is not accessible: {request.match_info['field']}"
            return api_error(404, "NOT_FOUND", message)
        body, records = await _records(request)
        view = self._org.view(request[USER_ID])
        refusal = self._refused_size(len(records))
        if refusal is not None:
            return refusal
        planned = [planned_upsert(view, object_type, field, record) for record in records]
        results = await commit_json(self._org, request, planned, all_or_none=body.get("allOrNone") is True)
        bodies = zip(results, _result_bodies(results), strict=True)
        return json_response([entry | {"created": result.created} for result, entry in bodies])

    async def retrieve(self, request: web.Request) -> web.Response:
        """Records by id with the named fields, in the order of the ids; null for one that is not there."""
        object_type = self._org.view(request[USER_ID]).find_object(request.match_info["object"])
        if object_type is None:
            return not_found()
        given = await json_object(request) if request.method == "POST" else {}
        ids = _names(given.get("ids", request.query.get("ids", "")))
        names = _names(given.get("fields", request.query.get("fields", "")))
        fields, unknown = selected_fields(object_type, ",".join(names))
        if unknown:
            return api_error(400, "INVALID_FIELD", f"No such column '{unknown}' on sobject of type {object_type.name}")
        refusal = self._refused_size(len(ids), self._org.config.collections_max_retrieved)
        return refusal or json_response([self._retrieved(request, object_type, fields, one) for one in ids])

    def _retrieved(
        self, request: web.Request, object_type: ObjectType, fields: list[FieldType], record_id: str
    ) -> Row | None:
        try:
            row = self._org.view(request[USER_ID]).get(object_type.name, to_18(record_id))
        except MalformedIdError:
            row = None
        if row is None:
            return None
        attributes = {"type": object_type.name, "url": record_url(request, object_type, str(row["Id"]))}
        return {"attributes": attributes, **{field.name: value_of(object_type, field, row) for field in fields}}

    async def delete(self, request: web.Request) -> web.Response:
        ids = [one for one in request.query.get("ids", "").split(",") if one]
        writes = [self._deletion(record_id) for record_id in ids]
        all_or_none = request.query.get("allOrNone", "false").lower() == "true"
        return await self._commit(writes, request, all_or_none=all_or_none)

    async def _write_body(self, operation: Operation, request: web.Request) -> web.Response:
        body, records = await _records(request)
        writes = [_write(operation, record) for record in records]
        return await self._commit(writes, request, all_or_none=body.get("allOrNone") is True)

    async def _commit(
        self, writes: Sequence[Write | RowResult], request: web.Request, *, all_or_none: bool
    ) -> web.Response:
        refusal = self._refused_size(len(writes))
        if refusal is not None:
            return refusal
        results = await commit_json(self._org, request, writes, all_or_none=all_or_none)
        return json_response(list(_result_bodies(results)))

    def _refused_size(self, count: int, limit: int | None = None) -> web.Response | None:
        limit = limit or self._org.config.collections_max_rows
        if count <= limit:
            return None
        message = f"record limit reached. cannot submit more than {limit} records into this call"
        return routing_error(400, "EXCEEDED_ID_LIMIT", message)

    def _deletion(self, record_id: str) -> Write | RowResult:
        """The object type goes by the key prefix."""
        try:
            prefix = to_18(record_id)[:3]
        except MalformedIdError:
            return _refused(RowError("MALFORMED_ID", f"malformed id {record_id}"))
        known = next((one.name for one in self._org.objects().values() if one.key_prefix == prefix), None)
        if known is None:
            return _refused(RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))
        return Write("delete", known, record_id, {})


async def _records(request: web.Request) -> tuple[Row, list[Row]]:
    body = await json_object(request)
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise MalformedBodyError("records must be a list of objects")
    return body, records


def _names(given: object) -> list[str]:
    parts = given if isinstance(given, list) else str(given).split(",")
    return [str(part).strip() for part in parts if str(part).strip()]


def planned_upsert(view: UserView, object_type: ObjectType, field: FieldType, record: Row) -> Write | RowResult:
    """The write that a row asks for, or why there is none."""
    if not isinstance(record.get("attributes"), dict):
        return _refused(_NO_ATTRIBUTES)
    fields = {name: value for name, value in record.items() if name != "attributes"}
    key = next((fields.pop(name) for name in list(fields) if name.lower() == field.name.lower()), None)
    if field.type == "id":
        operation: Operation = "update" if key else "create"
        return Write(operation, object_type.name, str(key) if key else None, fields)
    if key in {None, ""}:
        error = RowError("MISSING_ARGUMENT", f"{field.name} not specified")
        return _refused(error)
    matches = find_records(view, object_type, field, str(key))
    if len(matches) > 1:
        found = ", ".join(str(row["Id"]) for row in matches)
        error = RowError(
            "DUPLICATE_EXTERNAL_ID", f"{field.name}: more than one record found for external id field: [{found}]"
        )
        return _refused(error)
    if matches:
        return Write("update", object_type.name, str(matches[0]["Id"]), fields)
    return Write("create", object_type.name, None, fields | {field.name: key})


def _refused(error: RowError) -> RowResult:
    return RowResult(None, success=False, created=False, errors=(error,))


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
