"""REST: versions, describes, single records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email.utils import format_datetime

from aiohttp import web

from sandbox.org.describe import full_describe, global_entry
from sandbox.org.ids import MalformedIdError, to_18
from sandbox.org.objects import FieldType, ObjectType, address
from sandbox.org.store import Org
from sandbox.org.timestamps import parse_datetime
from sandbox.org.wire import (
    actor_of,
    api_error,
    api_version,
    json_object,
    json_response,
    not_found,
    row_errors,
)
from sandbox.org.writes import Operation, Row, RowResult, Write

VERSION = "{version:v[0-9]+\\.[0-9]+}"
DATA = f"/services/data/{VERSION}"

_SEASONS = ("Spring", "Summer", "Winter")
# Of the root's 45 names, those that this org answers.
_ROOT_NAMES = ("queryAll", "composite", "query", "jobs", "limits", "sobjects")

_ObjectHandler = Callable[[web.Request, ObjectType], Awaitable[web.Response]]


def routes(org: Org) -> list[web.RouteDef]:
    rest = Rest(org)
    of_object, record = f"{DATA}/sobjects/{{object}}", f"{DATA}/sobjects/{{object}}/{{id:[0-9A-Za-z]{{15,18}}}}"
    return [
        web.get("/services/data", rest.versions),
        web.get(DATA, rest.root),
        web.get(f"{DATA}/sobjects", rest.describe_global),
        web.get(of_object, rest.on_object(rest.basic)),
        web.post(of_object, rest.on_object(rest.create)),
        web.get(f"{of_object}/describe", rest.on_object(rest.describe)),
        web.get(record, rest.on_object(rest.read)),
        web.patch(record, rest.on_object(rest.update)),
        web.delete(record, rest.on_object(rest.delete)),
    ]


class Rest:
    """The handlers, over one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def on_object(self, handler: _ObjectHandler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Find the object of the path first; NOT_FOUND when the org has no such type."""

        async def handle(request: web.Request) -> web.Response:
            object_type = self._org.find_object(request.match_info["object"])
            return not_found() if object_type is None else await handler(request, object_type)

        return handle

    async def versions(self, _request: web.Request) -> web.Response:
        oldest, newest = (
            float(one) for one in (self._org.config.oldest_api_version, self._org.config.newest_api_version)
        )
        return json_response([_version(number) for number in range(int(oldest), int(newest) + 1)])

    async def root(self, request: web.Request) -> web.Response:
        return json_response({name: f"/services/data/v{api_version(request)}/{name}" for name in _ROOT_NAMES})

    async def describe_global(self, request: web.Request) -> web.Response:
        entries = [global_entry(one, api_version(request)) for one in self._org.objects().values()]
        return json_response({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": entries})

    async def basic(self, request: web.Request, object_type: ObjectType) -> web.Response:
        return json_response({"objectDescribe": global_entry(object_type, api_version(request)), "recentItems": []})

    async def describe(self, request: web.Request, object_type: ObjectType) -> web.Response:
        return json_response(full_describe(object_type, api_version(request), self._org.objects().values()))

    async def create(self, request: web.Request, object_type: ObjectType) -> web.Response:
        fields = await _record_body(request)
        result = self._write("create", object_type, None, fields, request)
        if not result.success:
            return row_errors(400, result.errors)
        location = record_url(request, object_type, str(result.record_id))
        body: Row = {"id": result.record_id, "success": True, "errors": []}
        return json_response(body, 201, {"Location": location})

    async def update(self, request: web.Request, object_type: ObjectType) -> web.Response:
        fields = await _record_body(request)
        if any(name.lower() == "id" for name in fields):
            message = "The Id field should not be specified in the sobject data."
            return api_error(400, "INVALID_FIELD", message, ["Id"])
        return self._write_existing("update", object_type, fields, request)

    async def delete(self, request: web.Request, object_type: ObjectType) -> web.Response:
        return self._write_existing("delete", object_type, {}, request)

    async def read(self, request: web.Request, object_type: ObjectType) -> web.Response:
        row = self._find(object_type, request.match_info["id"])
        if row is None or row.get("IsDeleted"):
            return not_found()
        fields, unknown = _selected(object_type, request.query.get("fields"))
        if unknown:
            return api_error(400, "INVALID_FIELD", f"No such column '{unknown}' on sobject of type {object_type.name}")
        attributes = {"type": object_type.name, "url": record_url(request, object_type, str(row["Id"]))}
        body: Row = {"attributes": attributes}
        body |= {field.name: value_of(object_type, field, row) for field in fields}
        modified = parse_datetime(str(row["LastModifiedDate"]))
        return json_response(body, headers={"Last-Modified": format_datetime(modified, usegmt=True)})

    def _find(self, object_type: ObjectType, record_id: str) -> Row | None:
        try:
            return self._org.get(object_type.name, to_18(record_id), deleted=True)
        except MalformedIdError:
            return None

    def _write_existing(
        self, operation: Operation, object_type: ObjectType, fields: Row, request: web.Request
    ) -> web.Response:
        if self._find(object_type, request.match_info["id"]) is None:
            return not_found()
        result = self._write(operation, object_type, request.match_info["id"], fields, request)
        if result.success:
            return web.Response(status=204)
        deleted = result.errors[0].status_code == "ENTITY_IS_DELETED"
        return row_errors(404 if deleted else 400, result.errors)

    def _write(
        self, operation: Operation, object_type: ObjectType, record_id: str | None, fields: Row, request: web.Request
    ) -> RowResult:
        return self._org.commit([Write(operation, object_type.name, record_id, fields)], actor_of(request))[0]


def record_url(request: web.Request, object_type: ObjectType, record_id: str) -> str:
    """``/services/data/v62.0/sobjects/Contact/003...``: a path without a host, as in every reply."""
    return f"/services/data/v{api_version(request)}/sobjects/{object_type.name}/{record_id}"


def value_of(object_type: ObjectType, field: FieldType, row: Row) -> object:
    """A field as REST shows it: addresses as objects, nulls included."""
    return address(object_type, field.name, row) if field.type == "address" else row.get(field.name)


async def _record_body(request: web.Request) -> Row:
    body = await json_object(request)
    body.pop("attributes", None)
    return body


def _selected(object_type: ObjectType, names: str | None) -> tuple[list[FieldType], str | None]:
    if names is None:
        return list(object_type.fields), None
    fields = [object_type.by_name["Id"]]
    for name in filter(None, (part.strip() for part in names.split(","))):
        field = object_type.find(name)
        if field is None:
            return [], name
        if field.name != "Id":
            fields.append(field)
    return fields, None


def _version(number: int) -> dict[str, str]:
    """Three releases a year; Summer '14 is 31.0."""
    year, season = divmod(number - 30, 3)
    label = f"{_SEASONS[season]} '{14 + year + (season == 2)}"
    return {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
