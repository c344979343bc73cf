"""Records addressed by the value of a field: ``/sobjects/Contact/Email/x@example.com``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, api_error, json_response, not_found
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rest.json_rows import commit_json
from sandbox.org.rest.records import Rest, created, record_body, record_url, refused_write
from sandbox.org.rows.writes import Row, RowResult, Write
from sandbox.org.store.lookup import find_records
from sandbox.org.store.org import Org

# Since 46.0 an upsert of an existing record answers 200 with a body, before with an empty 204.
BODY_SINCE = 46.0
_Handler = Callable[[web.Request, ObjectType, FieldType, str], Awaitable[web.Response]]


def routes(org: Org) -> list[web.RouteDef]:
    """To be mounted after all other routes below an object: any field may stand in the path."""
    api = ExternalIds(org)
    of_object = f"{DATA}/sobjects/{{object}}"
    path = f"{of_object}/{{field:[A-Za-z]\\w*}}/{{value:.+}}"
    return [
        web.post(f"{of_object}/{{field:[Ii][Dd]}}", api.on_field(api.create)),
        web.get(path, api.on_field(api.read)),
        web.patch(path, api.on_field(api.upsert)),
        web.delete(path, api.on_field(api.delete)),
    ]


class ExternalIds:
    """The handlers, over one org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._rest = Rest(org)

    def on_field(self, handler: _Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Find the object and the field of the path first."""

        async def handle(request: web.Request) -> web.Response:
            object_type = self._org.view(request[USER_ID]).find_object(request.match_info["object"])
            if object_type is None:
                return not_found()
            name = request.match_info["field"]
            field = object_type.find(name)
            if field is None or not field.id_lookup:
                message = f"Provided external ID field does not exist or is not accessible: {name}"
                return api_error(404, "NOT_FOUND", message)
            return await handler(request, object_type, field, request.match_info.get("value", ""))

        return handle

    async def create(
        self, request: web.Request, object_type: ObjectType, _field: FieldType, _value: str
    ) -> web.Response:
        """``POST .../Id``: an upsert that creates in any case."""
        result = await self._commit(request, Write("create", object_type.name, None, await record_body(request)))
        return created(request, object_type, result, {"created": True})

    async def read(self, request: web.Request, object_type: ObjectType, field: FieldType, value: str) -> web.Response:
        matches = find_records(self._org.view(request[USER_ID]), object_type, field, value)
        if len(matches) != 1:
            return _choices(request, object_type, matches)
        return self._rest.record(request, object_type, matches[0])

    async def delete(self, request: web.Request, object_type: ObjectType, field: FieldType, value: str) -> web.Response:
        matches = find_records(self._org.view(request[USER_ID]), object_type, field, value)
        if len(matches) != 1:
            return _choices(request, object_type, matches)
        result = await self._commit(request, Write("delete", object_type.name, str(matches[0]["Id"]), {}))
        return web.Response(status=204) if result.success else refused_write(result)

    async def upsert(self, request: web.Request, object_type: ObjectType, field: FieldType, value: str) -> web.Response:
        fields = await record_body(request)
        if any(name.lower() in {field.name.lower(), "id"} for name in fields):
            message = f"The {field.name} field should not be specified in the sobject data."
            return api_error(400, "INVALID_FIELD", message, [field.name])
        matches = find_records(self._org.view(request[USER_ID]), object_type, field, value)
        if len(matches) > 1:
            return _choices(request, object_type, matches)
        if matches:
            return await self._update(request, object_type, str(matches[0]["Id"]), fields)
        if field.type == "id" or request.query.get("updateOnly", "").lower() == "true":
            return not_found()
        result = await self._commit(request, Write("create", object_type.name, None, fields | {field.name: value}))
        return created(request, object_type, result, {"created": True})

    async def _update(self, request: web.Request, object_type: ObjectType, record_id: str, fields: Row) -> web.Response:
        result = await self._commit(request, Write("update", object_type.name, record_id, fields))
        if not result.success:
            return refused_write(result)
        if float(request.match_info["version"].removeprefix("v")) < BODY_SINCE:
            return web.Response(status=204)
        return json_response({"id": record_id, "success": True, "errors": [], "created": False})

    async def _commit(self, request: web.Request, write: Write) -> RowResult:
        [result] = await commit_json(self._org, request, [write])
        return result


def _choices(request: web.Request, object_type: ObjectType, matches: list[Row]) -> web.Response:
    """300 with the addresses of several records; 404 for none."""
    if not matches:
        return not_found()
    return json_response([record_url(request, object_type, str(row["Id"])) for row in matches], 300)
