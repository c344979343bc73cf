"""List views over REST: list, basic information, describe, results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from sandbox.org.http.parameters import whole_number
from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, api_error, api_version, json_response, not_found
from sandbox.org.lists.admin import ListViewAdmin
from sandbox.org.lists.columns import cell, describe_columns, readable, select_list
from sandbox.org.lists.model import ListView
from sandbox.org.lists.store import ListViews
from sandbox.org.soql.execute import PreparedQuery, prepare
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.store.org import Org
from sandbox.org.store.sharing import UserView

PAGE_VIEWS = 25
DEFAULT_RESULTS, MAX_RESULTS = 25, 2_000

_ViewHandler = Callable[[web.Request, ListView], Awaitable[web.Response]]


def routes(org: Org) -> list[web.RouteDef]:
    """Handlers of the list-view resources, and of `/__admin__/listviews`."""
    views = ListViews(org)
    api = ListViewApi(org, views)
    base = f"{DATA}/sobjects/{{object}}/listviews"
    return [
        web.get(base, api.list_all),
        web.get(f"{base}/recent", api.recent),
        web.get(f"{base}/{{id}}", api.on_view(api.basic)),
        web.get(f"{base}/{{id}}/describe", api.on_view(api.describe)),
        web.get(f"{base}/{{id}}/results", api.on_view(api.results)),
        *ListViewAdmin(org, views).routes(),
    ]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A list view as one user reads it."""

    view: ListView
    user: UserView
    prepared: PreparedQuery
    # How many of its columns are shown.
    shown: int


@dataclass(frozen=True, slots=True)
class ListViewApi:
    org: Org
    views: ListViews

    def on_view(self, handler: _ViewHandler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Find the view of the path first; NOT_FOUND when the caller may not see such a view."""

        async def handle(request: web.Request) -> web.Response:
            user = self.org.view(request[USER_ID])
            view = self.views.find(request.match_info["id"])
            object_type = user.find_object(request.match_info["object"])
            if view is None or object_type is None or view.object_name != object_type.name:
                return not_found()
            if not view.visible_to(user.access.identities):
                return not_found()
            self.org.recent.note(request[USER_ID], "ListView", view.view_id)
            try:
                return await handler(request, view)
            except SoqlError as error:
                # The list's conditions are about fields that the caller may not see.
                return api_error(400, error.error_code, error.message)

        return handle

    async def list_all(self, request: web.Request) -> web.Response:
        return self._listed(request, recent=False)

    async def recent(self, request: web.Request) -> web.Response:
        return self._listed(request, recent=True)

    def _listed(self, request: web.Request, *, recent: bool) -> web.Response:
        user = self.org.view(request[USER_ID])
        object_type = user.find_object(request.match_info["object"])
        if object_type is None:
            return not_found()
        visible = {one.view_id: one for one in self.views.visible(object_type.name, user.access.identities)}
        ids = self.org.recent.of(request[USER_ID], "ListView") if recent else list(visible)
        return _page(request, object_type.name, [visible[key] for key in ids if key in visible])

    async def basic(self, request: web.Request, view: ListView) -> web.Response:
        return json_response(_basic(view, api_version(request)))

    async def describe(self, request: web.Request, view: ListView) -> web.Response:
        if not view.soql_compatible:
            return _no_soql(view)
        reading = self._reading(view, request[USER_ID])
        columns = reading.prepared.columns
        body: dict[str, object] = {
            "columns": describe_columns(columns, reading.shown),
            "id": view.view_id[:15],
            "orderBy": [
                {"fieldNameOrPath": path, "nullsPosition": "first", "sortDirection": "ascending"}
                for path in (view.columns[0], "Id")
            ],
            "query": view.query(select_list(columns)),
            "scope": view.scope,
            "sobjectType": view.object_name,
            "whereCondition": view.condition,
        }
        # Named as in SOAP; no recording of such a list in REST is known.
        named = {"queue": "scopeEntityId", "campaign": "relatedEntityId"}.get(view.scope)
        return json_response(body if named is None else body | {named: view.entity_id})

    async def results(self, request: web.Request, view: ListView) -> web.Response:
        if not view.soql_compatible:
            return _no_soql(view)
        limit = min(max(whole_number(request, "limit", DEFAULT_RESULTS), 1), MAX_RESULTS)
        offset = whole_number(request, "offset", 0)
        reading = self._reading(view, request[USER_ID])
        selection = reading.prepared.run(reading.user)
        rows = selection.rows[offset : offset + limit]
        records = [
            {"columns": [{"fieldNameOrPath": one.text, "value": cell(one, row)} for one in selection.columns]}
            for row in rows
        ]
        body: dict[str, object] = {
            "columns": describe_columns(selection.columns, reading.shown),
            "developerName": view.developer_name,
            "done": offset + len(rows) >= len(selection.rows),
            "id": view.view_id[:15],
            "label": view.label,
            "records": records,
            "size": len(rows),
        }
        return json_response(body)

    def _reading(self, view: ListView, user_id: str) -> _Reading:
        """SoqlError when the conditions are about fields that the user may not see."""
        user = self.org.view(user_id)
        object_type = user.find_object(view.object_name)
        assert object_type is not None
        shown = readable(user, object_type, view.columns)
        columns = (*shown, *readable(user, object_type, view.hidden_columns))
        return _Reading(view, user, prepare(user, view.query(", ".join(columns)), user_id), len(shown))


def _page(request: web.Request, object_name: str, views: list[ListView]) -> web.Response:
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


def _basic(view: ListView, version: str) -> dict[str, object]:
    url = f"/services/data/v{version}/sobjects/{view.object_name}/listviews/{view.view_id}"
    return {
        "describeUrl": f"{url}/describe",
        "developerName": view.developer_name,
        "id": view.view_id,
        "label": view.label,
        "resultsUrl": f"{url}/results",
        "soqlCompatible": view.soql_compatible,
        "url": url,
    }


def _no_soql(view: ListView) -> web.Response:
    """No recording of this answer is known: the code is that of other requests which a resource cannot serve."""
    return api_error(400, "INVALID_OPERATION", f"The list view {view.developer_name} is not SOQL compatible.")
