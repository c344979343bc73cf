"""REST: versions, describes, single records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice

from aiohttp import web

from sandbox.org.http.addresses import base_url
from sandbox.org.http.conditional import Version, refused_condition
from sandbox.org.http.parameters import whole_number
from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, api_error, api_version, json_object, json_response, not_found, row_errors
from sandbox.org.metadata.describe import full_describe, global_entry
from sandbox.org.metadata.objects import FieldType, ObjectType, address
from sandbox.org.rest.json_rows import commit_json
from sandbox.org.rows.writes import Operation, Row, RowResult, Write
from sandbox.org.store.org import Org
from sandbox.org.store.sharing import UserView
from sandbox.org.users.recent import VIEWING_DATES
from sandbox.org.values.ids import MalformedIdError, to_18

_SEASONS = ("Spring", "Summer", "Winter")
# REST API guide, "Resources by Version", v66.0, in its order; this org answers a few of them.
_ROOT_NAMES = (
    "tooling", "metadata", "eclair", "folders", "prechatForms", "contact-tracing", "jsonxform", "chatter", "payments",
    "tabs", "appMenu", "quickActions", "queryAll", "commerce", "wave", "iot", "analytics", "search",
    "smartdatadiscovery", "identity", "composite", "parameterizedSearch", "fingerprint", "theme", "nouns", "domino",
    "event", "serviceTemplates", "recent", "connect", "licensing", "limits", "process", "dedupe", "async-queries",
    "query", "jobs", "localizedvalue", "mobile", "emailConnect", "consent", "tokenizer", "compactLayouts", "async",
    "sobjects", "actions", "support",
)  # fmt: skip

# Refusals of single records that are no 400.
_STATUSES = {"ENTITY_IS_DELETED": 404, "INSUFFICIENT_ACCESS_OR_READONLY": 403}

# REST API guide, "View Recently Viewed Records": at most 200.
MAX_RECENT = 200
_ObjectHandler = Callable[[web.Request, ObjectType], Awaitable[web.Response]]


def routes(org: Org) -> list[web.RouteDef]:
    rest = Rest(org)
    of_object, record = f"{DATA}/sobjects/{{object}}", f"{DATA}/sobjects/{{object}}/{{id:[0-9A-Za-z]{{15,18}}}}"
    return [
        web.get("/services/data", rest.versions),
        web.get(DATA, rest.root),
        web.get(f"{DATA}/sobjects", rest.describe_global),
        web.get(f"{DATA}/recent", rest.recent),
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
            object_type = self._view(request).find_object(request.match_info["object"])
            return not_found() if object_type is None else await handler(request, object_type)

        return handle

    async def versions(self, _request: web.Request) -> web.Response:
        oldest, newest = (
            float(one) for one in (self._org.config.oldest_api_version, self._org.config.newest_api_version)
        )
        return json_response([_version(number) for number in range(int(oldest), int(newest) + 1)])

    async def root(self, request: web.Request) -> web.Response:
        resources = {name: f"/services/data/v{api_version(request)}/{name}" for name in _ROOT_NAMES}
        # The one address with a host; in production it is that of login.salesforce.com.
        resources["identity"] = f"{base_url(request)}/id/{self._org.organization_id}/{request[USER_ID]}"
        return json_response(resources)

    async def describe_global(self, request: web.Request) -> web.Response:
        entries = [global_entry(one, api_version(request)) for one in self._view(request).objects().values()]
        return json_response({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": entries})

    async def basic(self, request: web.Request, object_type: ObjectType) -> web.Response:
        recent = [_recent_item(request, row) for row in self._view(request).recently_viewed(object_type.name)]
        return json_response({"objectDescribe": global_entry(object_type, api_version(request)), "recentItems": recent})

    async def recent(self, request: web.Request) -> web.Response:
        """What the caller viewed last; no more than 200 are kept of each object."""
        items = islice(self._view(request).recently_viewed(), whole_number(request, "limit", MAX_RECENT))
        return json_response([_recent_item(request, row) for row in items])

    async def describe(self, request: web.Request, object_type: ObjectType) -> web.Response:
        types, record_types = self._view(request).objects().values(), self._org.rules.record_types
        return json_response(full_describe(object_type, api_version(request), types, record_types))

    async def create(self, request: web.Request, object_type: ObjectType) -> web.Response:
        fields = await record_body(request)
        return created(request, object_type, await self._write("create", object_type, None, fields, request))

    async def update(self, request: web.Request, object_type: ObjectType) -> web.Response:
        fields = await record_body(request)
        if any(name.lower() == "id" for name in fields):
            message = "The Id field should not be specified in the sobject data."
            return api_error(400, "INVALID_FIELD", message, ["Id"])
        return await self._write_existing("update", object_type, fields, request)

    async def delete(self, request: web.Request, object_type: ObjectType) -> web.Response:
        return await self._write_existing("delete", object_type, {}, request)

    async def read(self, request: web.Request, object_type: ObjectType) -> web.Response:
        row = _found(self._view(request), object_type, request.match_info["id"])
        if row is None or row.get("IsDeleted"):
            return not_found()
        if self._org.config.reads_are_views:
            self._org.recent.note(request[USER_ID], object_type.name, str(row["Id"]))
        return self.record(request, object_type, row)

    def record(self, request: web.Request, object_type: ObjectType, row: Row) -> web.Response:
        """The record with the fields that the caller asked for, or 304 when the caller has it already."""
        fields, unknown = selected_fields(object_type, request.query.get("fields"))
        if unknown:
            return api_error(400, "INVALID_FIELD", f"No such column '{unknown}' on sobject of type {object_type.name}")
        version = Version.of(row)
        refusal = refused_condition(request, version)
        if refusal is not None:
            return refusal
        attributes = {"type": object_type.name, "url": record_url(request, object_type, str(row["Id"]))}
        body: Row = {"attributes": attributes}
        viewed = self._view(request).viewed_at(object_type.name, str(row["Id"]))
        shown = row if viewed is None else row | dict.fromkeys(VIEWING_DATES, viewed)
        body |= {field.name: value_of(object_type, field, shown) for field in fields}
        return json_response(body, headers=version.headers)

    def _view(self, request: web.Request) -> UserView:
        return self._org.view(request[USER_ID])

    async def _write_existing(
        self, operation: Operation, object_type: ObjectType, fields: Row, request: web.Request
    ) -> web.Response:
        row = _found(self._org, object_type, request.match_info["id"])
        if row is None:
            return not_found()
        refusal = refused_condition(request, Version.of(row))
        if refusal is not None:
            return refusal
        result = await self._write(operation, object_type, request.match_info["id"], fields, request)
        return web.Response(status=204) if result.success else refused_write(result)

    async def _write(
        self, operation: Operation, object_type: ObjectType, record_id: str | None, fields: Row, request: web.Request
    ) -> RowResult:
        [result] = await commit_json(self._org, request, [Write(operation, object_type.name, record_id, fields)])
        return result


def _found(source: Org | UserView, object_type: ObjectType, record_id: str) -> Row | None:
    try:
        return source.get(object_type.name, to_18(record_id), deleted=True)
    except MalformedIdError:
        return None


def _recent_item(request: web.Request, row: Row) -> Row:
    object_name, record_id = str(row["Type"]), str(row["Id"])
    url = f"/services/data/v{api_version(request)}/sobjects/{object_name}/{record_id}"
    return {"attributes": {"type": object_name, "url": url}, "Id": record_id, "Name": row.get("Name")}


def record_url(request: web.Request, object_type: ObjectType, record_id: str) -> str:
    """``/services/data/v62.0/sobjects/Contact/003...``: a path without a host, as in every reply."""
    return f"/services/data/v{api_version(request)}/sobjects/{object_type.name}/{record_id}"


def created(request: web.Request, object_type: ObjectType, result: RowResult, more: Row | None = None) -> web.Response:
    """201 with the place of the new record, and `more` at the end of the body; or why there is none."""
    if not result.success:
        return refused_write(result)
    location = record_url(request, object_type, str(result.record_id))
    body: Row = {"id": result.record_id, "success": True, "errors": []}
    return json_response(body | (more or {}), 201, {"Location": location})


def refused_write(result: RowResult) -> web.Response:
    return row_errors(_STATUSES.get(result.errors[0].status_code, 400), result.errors)


def value_of(object_type: ObjectType, field: FieldType, row: Row) -> object:
    """A field as REST shows it: addresses as objects, nulls included."""
    if field.compute is not None:
        return field.compute(row)
    if field.type == "address":
        return address(object_type, field.name, row)
    # A checkbox is never null, not even in rows older than the field.
    return bool(row.get(field.name)) if field.type == "boolean" else row.get(field.name)


async def record_body(request: web.Request) -> Row:
    """The fields that the body gives."""
    body = await json_object(request)
    body.pop("attributes", None)
    return body


def selected_fields(object_type: ObjectType, names: str | None) -> tuple[list[FieldType], str | None]:
    """Id and the named fields, or all; with the first name that is no field."""
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
    # The one label with a typographic apostrophe.
    apostrophe = "’" if number == 42 else "'"
    label = f"{_SEASONS[season]} {apostrophe}{14 + year + (season == 2)}"
    return {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
