"""`query`, `queryAll` and `query/<locator>`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, api_error, api_version, json_response
from sandbox.org.query.plans import plans
from sandbox.org.soql.execute import Selection, run
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.soql.schema import Column, RecordSource, Row, find_object
from sandbox.org.soql.typeof import TypedParent
from sandbox.org.store.org import Org
from sandbox.org.values.ids import base62, to_18

PAGE_ROWS = 2_000  # the default and largest page of a REST query
MIN_PAGE_ROWS = 200
# Salesforce keeps a limited number of cursors per user and drops the oldest.
MAX_CURSORS = 50
NO_AGGREGATE_PAGES = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d{1,9})", re.IGNORECASE | re.ASCII)
_LOCATOR = re.compile(r"(\w{15,18})-(\d{1,9})", re.ASCII)


def routes(org: Org) -> list[web.RouteDef]:
    """Handlers of the query resources."""
    api = QueryApi(org)
    return [
        web.get(DATA + "/{resource:query|queryAll}", api.query),
        web.get(DATA + "/{resource:query|queryAll}/{locator}", api.more),
    ]


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is left of a large answer: row references stay as they were when the query ran."""

    selection: Selection
    page_rows: int


@dataclass(slots=True)
class QueryApi:
    org: Org
    _cursors: dict[str, Cursor] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def query(self, request: web.Request) -> web.Response:
        explained = request.query.get("explain")
        if explained is not None:
            return self._explain(request, explained)
        text = request.query.get("q")
        if text is None:
            return api_error(400, "MALFORMED_QUERY", "A query string has to be specified")
        everything = request.match_info["resource"] == "queryAll"
        try:
            selection = run(self.org.view(request[USER_ID]), text, request[USER_ID], deleted=everything)
        except SoqlError as error:
            return api_error(400, error.error_code, error.message)
        self._note_views(request[USER_ID], selection)
        if selection.query.counts_only:
            return json_response({"totalSize": len(selection.rows), "done": True, "records": []})
        if selection.aggregated and len(selection.rows) > PAGE_ROWS:
            return api_error(400, "EXCEEDED_ID_LIMIT", NO_AGGREGATE_PAGES)
        return self._page(request, selection, _page_rows(request))

    def _explain(self, request: web.Request, text: str) -> web.Response:
        try:
            return json_response(plans(self.org.view(request[USER_ID]), text, request[USER_ID]))
        except SoqlError as error:
            return api_error(400, error.error_code, error.message)

    def _note_views(self, user_id: str, selection: Selection) -> None:
        """FOR VIEW and FOR REFERENCE put the records among the user's recent ones."""
        if selection.query.purposes & {"view", "reference"} and not selection.aggregated:
            for row in selection.rows:
                self.org.recent.note(user_id, selection.object_type.name, str(row["Id"]))

    async def more(self, request: web.Request) -> web.Response:
        match = _LOCATOR.fullmatch(request.match_info["locator"])
        cursor = self._cursors.get(match[1]) if match else None
        if match is None or cursor is None or int(match[2]) >= len(cursor.selection.rows):
            return api_error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._reply(request, cursor, match[1], int(match[2]))

    def _page(self, request: web.Request, selection: Selection, page_rows: int) -> web.Response:
        cursor = Cursor(selection, page_rows)
        locator_id = ""
        if len(selection.rows) > page_rows:
            locator_id = to_18(f"0r8{self.org.ids.pod}0{base62(next(self._numbers), 9)}")
            self._cursors[locator_id] = cursor
            if len(self._cursors) > MAX_CURSORS:
                del self._cursors[next(iter(self._cursors))]
        return self._reply(request, cursor, locator_id, 0)

    def _reply(self, request: web.Request, cursor: Cursor, locator_id: str, start: int) -> web.Response:
        selection, end = cursor.selection, start + cursor.page_rows
        version = api_version(request)
        render = RecordRenderer(self.org.view(request[USER_ID]), selection, version)
        body: dict[str, object] = {"totalSize": len(selection.rows), "done": end >= len(selection.rows)}
        if end < len(selection.rows):
            body["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator_id}-{end}"
        body["records"] = [render.record(row) for row in selection.rows[start:end]]
        return json_response(body)


def _page_rows(request: web.Request) -> int:
    match = _BATCH_SIZE.search(request.headers.get("Sforce-Query-Options", ""))
    return min(max(int(match[1]), MIN_PAGE_ROWS), PAGE_ROWS) if match else PAGE_ROWS


_PathOfColumn = tuple[tuple[str, ...], Column]


@dataclass(frozen=True, slots=True)
class RecordRenderer:
    """Rows as REST records: `attributes` first, then the columns in SELECT order, parents and children nested."""

    org: RecordSource
    selection: Selection
    version: str
    # Where the addresses of the records lie.
    below: str = "sobjects"

    def record(self, row: Row) -> dict[str, object]:
        if self.selection.aggregated:
            values = {column.text: column.read(row) for column in self.selection.columns}
            return {"attributes": {"type": "AggregateResult"}, **values}
        columns = [(one.names, one) for one in self.selection.columns]
        return self._object(self.selection.object_type.name, row, columns)

    def children(self) -> dict[str, object]:
        """The answer of a child query; a page of it is not limited here."""
        rows = self.selection.rows
        return {"totalSize": len(rows), "done": True, "records": [self.record(row) for row in rows]}

    def _object(
        self, object_name: str, row: Row, columns: Sequence[_PathOfColumn], *, root: Row | None = None
    ) -> dict[str, object]:
        """`columns` pairs what is left of each path with its column, which always reads from the root row."""
        source = row if root is None else root
        record = self._attributes(object_name, row)
        for names, column in columns:
            if len(names) == 1:
                record[names[0]] = self._value(column.read(source))
            elif names[0] not in record:
                below = [(path[1:], one) for path, one in columns if path[0] == names[0] and len(path) > 1]
                record[names[0]] = self._parent(object_name, row, names[0], below, source)
        return record

    def _value(self, value: object) -> object:
        if isinstance(value, Selection):
            return RecordRenderer(self.org, value, self.version, self.below).children()
        if isinstance(value, TypedParent):
            return self._object(value.object_name, value.row, [(one.names, one) for one in value.columns])
        return value

    def _parent(
        self, child: str, row: Row, relationship: str, columns: list[_PathOfColumn], root: Row
    ) -> dict[str, object] | None:
        child_type = find_object(self.org, child)
        assert child_type is not None
        reference = next(one for one in child_type.references if one.relationship_name == relationship)
        parent_id = str(row.get(reference.name) or "")
        for target in reference.reference_to:
            parent_row = self.org.get(target, parent_id) if target in self.org.objects() else None
            if parent_row is not None:
                parent = self._object(target, parent_row, columns, root=root)
                # Parents of polymorphic references are of type Name, wherever their address points.
                if len(reference.reference_to) > 1:
                    parent["attributes"] = {"type": "Name", "url": self._url(target, parent_row)}
                return parent
        return None

    def _attributes(self, object_name: str, row: Row) -> dict[str, object]:
        return {"attributes": {"type": object_name, "url": self._url(object_name, row)}}

    def _url(self, object_name: str, row: Row) -> str:
        return f"/services/data/v{self.version}/{self.below}/{object_name}/{row['Id']}"
