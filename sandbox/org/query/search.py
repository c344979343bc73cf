"""`search` and `parameterizedSearch`: text searches over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, api_error, api_version, json_object, json_response
from sandbox.org.query.api import RecordRenderer
from sandbox.org.sosl.parser import GROUPS, MAX_ROWS, FieldGroup, Returning, Search, SearchError, parse
from sandbox.org.sosl.search import run
from sandbox.org.store.org import Org

# Before 37.0 the answer was the bare list.
_WRAPPED_SINCE = 37.0
_Given = Mapping[str, object]


def routes(org: Org) -> list[web.RouteDef]:
    api = SearchApi(org)
    return [
        web.get(f"{DATA}/search", api.search),
        web.get(f"{DATA}/parameterizedSearch", api.by_parameters),
        web.post(f"{DATA}/parameterizedSearch", api.by_body),
    ]


class SearchApi:
    """The handlers, over one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def search(self, request: web.Request) -> web.Response:
        try:
            return self._answer(request, parse(request.query.get("q", "")))
        except SearchError as error:
            return api_error(400, error.code, str(error))

    async def by_parameters(self, request: web.Request) -> web.Response:
        """``?q=Smith&sobject=Contact&Contact.fields=Id,Name&Contact.limit=5&in=NAME``."""
        given: dict[str, object] = dict(request.query)
        names = request.query.getall("sobject", [])
        objects = [
            {"name": name} | {key: request.query[f"{name}.{key}"] for key in _OF_OBJECT if f"{name}.{key}" in given}
            for name in names
        ]
        return self._parameterized(request, given | {"sobjects": objects})

    async def by_body(self, request: web.Request) -> web.Response:
        return self._parameterized(request, await json_object(request))

    def _parameterized(self, request: web.Request, given: _Given) -> web.Response:
        try:
            return self._answer(request, _search(given))
        except SearchError as error:
            return api_error(400, error.code, str(error))

    def _answer(self, request: web.Request, search: Search) -> web.Response:
        view = self._org.view(request[USER_ID])
        version = api_version(request)
        selections = run(view, search, request[USER_ID])
        records = [
            record
            for selection in selections
            for record in map(RecordRenderer(view, selection, version).record, selection.rows)
        ]
        return json_response({"searchRecords": records} if float(version) >= _WRAPPED_SINCE else records)


_OF_OBJECT = ("fields", "where", "orderBy", "limit")


def _search(given: _Given) -> Search:
    """REST API guide, "Parameterized Search"; texts come from the query string, other types from a body."""
    term = given.get("q")
    if not isinstance(term, str) or not term:
        raise SearchError("A search string has to be specified", "MISSING_ARGUMENT")
    objects = given.get("sobjects")
    asked = [_returning(one, given) for one in (objects if isinstance(objects, list) else []) if isinstance(one, dict)]
    return Search(term, _group(given.get("in")), tuple(asked), _number(given.get("overallLimit"), MAX_ROWS))


def _returning(one: _Given, given: _Given) -> Returning:
    fields = _names(one.get("fields")) or _names(given.get("fields")) or ("Id",)
    where, order = one.get("where"), one.get("orderBy")
    clauses = [f"WHERE {where}" if where else "", f"ORDER BY {order}" if order else ""]
    limit = one.get("limit", given.get("defaultLimit"))
    if limit is not None:
        clauses.append(f"LIMIT {_number(limit, MAX_ROWS)}")
    return Returning(str(one.get("name")), fields, " ".join(clauses))


def _names(given: object) -> tuple[str, ...]:
    parts = given if isinstance(given, list) else str(given or "").split(",")
    return tuple(str(one).strip() for one in parts if str(one).strip())


def _group(given: object) -> FieldGroup:
    name = str(given or "ALL").upper().removesuffix(" FIELDS")
    found = next((one for one in GROUPS if one == name), None)
    if found is None:
        raise SearchError(f"invalid search group: {given}")
    return found


def _number(given: object, default: int) -> int:
    try:
        return default if given is None else min(max(int(str(given)), 0), MAX_ROWS)
    except ValueError:
        raise SearchError(f"not a number: {given}") from None
