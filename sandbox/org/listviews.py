"""List views over REST: list, basic information, describe, results; and the admin calls that define them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from aiohttp import web

from sandbox.org.ids import MalformedIdError, to_18
from sandbox.org.java_text import java_date, java_double
from sandbox.org.listview_conditions import NO_CONDITION, ConditionError
from sandbox.org.listview_definitions import COLUMNS, ListView, initial_views
from sandbox.org.objects import FieldType
from sandbox.org.parameters import whole_number
from sandbox.org.rest import DATA
from sandbox.org.soql.errors import SoqlError
from sandbox.org.soql.execute import PreparedQuery, prepare, run
from sandbox.org.soql.schema import Column
from sandbox.org.store import Org
from sandbox.org.wire import (
    USER_ID,
    api_error,
    api_version,
    json_object,
    json_response,
    not_found,
)

PAGE_VIEWS = 25
DEFAULT_RESULTS, MAX_RESULTS = 25, 2_000

# Labels of the two sort directions; the pair is the wrong way round in every recording.
_TEXT_LABELS = ("Z-A", "A-Z")
_SORT_LABELS: dict[str, tuple[str | None, str | None]] = {
    "id": (None, None),
    "reference": (None, None),
    "phone": ("9-0", "0-9"),
    "picklist": ("Low to High", "High to Low"),
}
_UNSORTABLE = frozenset({"id", "reference"})

_ViewHandler = Callable[[web.Request, ListView], Awaitable[web.Response]]


def routes(org: Org) -> list[web.RouteDef]:
    """Handlers of the list-view resources, and of `/__admin__/listviews`."""
    api = ListViewApi(org, ListViews(org))
    base = f"{DATA}/sobjects/{{object}}/listviews"
    return [
        web.get(base, api.list_all),
        web.get(f"{base}/recent", api.recent),
        web.get(f"{base}/{{id}}", api.on_view(api.basic)),
        web.get(f"{base}/{{id}}/describe", api.on_view(api.describe)),
        web.get(f"{base}/{{id}}/results", api.on_view(api.results)),
        web.get("/__admin__/listviews", api.definitions),
        web.post("/__admin__/listviews", api.define),
        web.get("/__admin__/listviews/{id}/members", api.members),
    ]


class ListViews:
    """The list views of one org, by id."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._views: dict[str, ListView] = {}
        for view in initial_views():
            self.define(view)

    def define(self, view: ListView) -> ListView:
        """Add a view, or give the one of the same object and developer name a new definition.

        Raises:
            SoqlError, ConditionError: the condition cannot be run.
        """
        prepare(self._org, view.query("Id"), self._org.admin_user_id)
        same = (view.object_name, view.developer_name)
        known = next((one for one in self._views.values() if (one.object_name, one.developer_name) == same), None)
        stored = replace(view, view_id=known.view_id if known else self._org.ids.take("00B"))
        self._views[stored.view_id] = stored
        return stored

    def all(self) -> list[ListView]:
        return list(self._views.values())

    def visible(self, object_name: str, user_id: str) -> list[ListView]:
        views = (one for one in self._views.values() if one.object_name == object_name)
        return [one for one in views if one.owner_id in {None, user_id}]

    def find(self, view_id: str) -> ListView | None:
        """By the 15- or 18-character id."""
        try:
            return self._views.get(to_18(view_id))
        except MalformedIdError:
            return None


@dataclass(slots=True)
class ListViewApi:
    org: Org
    views: ListViews
    # Newest last: the views that each user opened.
    _opened: dict[str, dict[str, None]] = field(default_factory=dict)

    def on_view(self, handler: _ViewHandler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Find the view of the path first; NOT_FOUND when the caller may not see such a view."""

        async def handle(request: web.Request) -> web.Response:
            view = self.views.find(request.match_info["id"])
            object_type = self.org.view(request[USER_ID]).find_object(request.match_info["object"])
            user_id = request[USER_ID]
            if view is None or object_type is None or view.object_name != object_type.name:
                return not_found()
            if view.owner_id not in {None, user_id}:
                return not_found()
            opened = self._opened.setdefault(user_id, {})
            opened.pop(view.view_id, None)
            opened[view.view_id] = None
            return await handler(request, view)

        return handle

    async def list_all(self, request: web.Request) -> web.Response:
        object_type = self.org.view(request[USER_ID]).find_object(request.match_info["object"])
        if object_type is None:
            return not_found()
        views = self.views.visible(object_type.name, request[USER_ID])
        return self._page(request, object_type.name, views)

    async def recent(self, request: web.Request) -> web.Response:
        object_type = self.org.view(request[USER_ID]).find_object(request.match_info["object"])
        if object_type is None:
            return not_found()
        visible = {one.view_id: one for one in self.views.visible(object_type.name, request[USER_ID])}
        opened = reversed(self._opened.get(request[USER_ID], {}))
        return self._page(request, object_type.name, [visible[key] for key in opened if key in visible])

    def _page(self, request: web.Request, object_name: str, views: list[ListView]) -> web.Response:
        offset = min(whole_number(request, "offset", 0), len(views))
        page = views[offset : offset + PAGE_VIEWS]
        end = offset + len(page)
        done = end >= len(views)
        body: dict[str, object] = {
            "done": done,
            "listviews": [_basic(view, api_version(request)) for view in page],
            "nextRecordsUrl": None if done else f"{request.path}?offset={end}",
            "size": len(page),
            "sobjectType": object_name,
        }
        return json_response(body)

    async def basic(self, request: web.Request, view: ListView) -> web.Response:
        return json_response(_basic(view, api_version(request)))

    async def describe(self, request: web.Request, view: ListView) -> web.Response:
        selection = self._prepare(view, request[USER_ID])
        body: dict[str, object] = {
            "columns": _describe_columns(view, selection.columns),
            "id": view.view_id[:15],
            "orderBy": [
                {"fieldNameOrPath": path, "nullsPosition": "first", "sortDirection": "ascending"}
                for path in (view.columns[0], "Id")
            ],
            "query": view.query(_select_list(view, selection.columns)),
            "scope": view.scope,
            "sobjectType": view.object_name,
            "whereCondition": view.condition,
        }
        return json_response(body)

    async def results(self, request: web.Request, view: ListView) -> web.Response:
        limit = min(max(whole_number(request, "limit", DEFAULT_RESULTS), 1), MAX_RESULTS)
        offset = whole_number(request, "offset", 0)
        selection = self._prepare(view, request[USER_ID]).run(self.org.view(request[USER_ID]))
        rows = selection.rows[offset : offset + limit]
        records = [
            {"columns": [{"fieldNameOrPath": one.text, "value": _cell(one, row)} for one in selection.columns]}
            for row in rows
        ]
        body: dict[str, object] = {
            "columns": _describe_columns(view, selection.columns),
            "developerName": view.developer_name,
            "done": offset + len(rows) >= len(selection.rows),
            "id": view.view_id[:15],
            "label": view.label,
            "records": records,
            "size": len(rows),
        }
        return json_response(body)

    def _prepare(self, view: ListView, user_id: str) -> PreparedQuery:
        return prepare(self.org.view(user_id), view.query(", ".join((*view.columns, *view.hidden_columns))), user_id)

    async def definitions(self, request: web.Request) -> web.Response:
        return json_response([_definition(view) for view in self.views.all()])

    async def define(self, request: web.Request) -> web.Response:
        """Create or redefine a view from {object, label, developerName, where, scope?, private?}."""
        try:
            view = self.views.define(_parse_definition(await json_object(request), self.org.admin_user_id))
        except ConditionError as error:
            return api_error(400, "MALFORMED_QUERY", str(error))
        except SoqlError as error:
            return api_error(400, error.error_code, error.message)
        return json_response(_definition(view), 201)

    async def members(self, request: web.Request) -> web.Response:
        """The ids that the org's own query engine puts into the view, asked as the admin."""
        view = self.views.find(request.match_info["id"])
        if view is None:
            return not_found()
        rows = run(self.org, view.query("Id"), self.org.admin_user_id).rows
        return json_response([row["Id"] for row in rows])


def _basic(view: ListView, version: str) -> dict[str, object]:
    url = f"/services/data/v{version}/sobjects/{view.object_name}/listviews/{view.view_id}"
    return {
        "describeUrl": f"{url}/describe",
        "developerName": view.developer_name,
        "id": view.view_id,
        "label": view.label,
        "resultsUrl": f"{url}/results",
        "soqlCompatible": True,
        "url": url,
    }


def _describe_columns(view: ListView, columns: tuple[Column, ...]) -> list[dict[str, object]]:
    shown = len(view.columns)
    return [_describe_column(one, hidden=index >= shown, first=index == 0) for index, one in enumerate(columns)]


def _describe_column(column: Column, *, hidden: bool, first: bool) -> dict[str, object]:
    ascending, descending = _SORT_LABELS.get(column.field.type, _TEXT_LABELS)
    return {
        "ascendingLabel": ascending,
        "descendingLabel": descending,
        "fieldNameOrPath": column.text,
        "hidden": hidden,
        "label": _label(column),
        "selectListItem": _select_item(column.text, column.field),
        "sortDirection": "ascending" if first else None,
        "sortIndex": 0 if first else None,
        "sortable": column.field.type not in _UNSORTABLE,
        "type": column.field.type,
    }


def _label(column: Column) -> str:
    """`Owner.Id` is the "User ID" in recordings; other parent fields carry the parent's label."""
    if column.names[-1] == "Id" and len(column.names) > 1:
        return "User ID" if column.names[-2] == "Owner" else f"{column.names[-2]} ID"
    return " ".join((*column.names[:-1], column.field.label)) if column.names[0] == "Owner" else column.field.label


def _select_item(path: str, field_type: FieldType) -> str:
    return f"toLabel({path})" if field_type.type == "picklist" else path


def _select_list(view: ListView, columns: tuple[Column, ...]) -> str:
    return ", ".join(_select_item(column.text, column.field) for column in columns)


def _cell(column: Column, row: dict[str, object]) -> str | None:
    """Cells are text or null; moments and numbers in Java's form."""
    value = column.read(row)
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if column.field.type == "datetime":
        return java_date(str(value))
    return java_double(value) if isinstance(value, float) else str(value)


def _definition(view: ListView) -> dict[str, object]:
    return {
        "id": view.view_id,
        "object": view.object_name,
        "label": view.label,
        "developerName": view.developer_name,
        "scope": view.scope,
        "where": view.condition,
        "query": view.query("Id"),
    }


def _parse_definition(body: dict[str, object], owner_id: str) -> ListView:
    texts = {name: body.get(name) for name in ("object", "label", "developerName")}
    wrong = [name for name, value in texts.items() if not isinstance(value, str) or not value]
    if wrong:
        raise ConditionError(f"missing: {', '.join(wrong)}")
    if texts["object"] not in COLUMNS:
        raise ConditionError(f"list views exist for {', '.join(COLUMNS)}, not {texts['object']}")
    condition = body.get("where") or NO_CONDITION
    if not isinstance(condition, dict):
        raise ConditionError("where must be an object")
    return ListView(
        object_name=str(texts["object"]),
        label=str(texts["label"]),
        developer_name=str(texts["developerName"]),
        condition=condition,
        scope=str(body.get("scope") or "everything"),
        owner_id=owner_id if body.get("private") else None,
    )
