"""The admin pages of records: browse, search, look at one, change it. Changes are made by the org's administrator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from aiohttp import web

from sandbox.org.admin.site import AdminSite, page_number, shown
from sandbox.org.http.addresses import base_path
from sandbox.org.http.forms import form_fields
from sandbox.org.http.paths import ADMIN_PAGES
from sandbox.org.ledger.ledger import LedgerEntry
from sandbox.org.metadata.objects import NUMBER_TYPES, FieldType, ObjectType
from sandbox.org.rows.writes import Operation
from sandbox.org.store.org import Actor, Org, Row, Write

_ROWS_SHOWN = 50
# Of a record's life: further back than this nobody waits for a page.
_ENTRIES_SEARCHED = 5_000
#: What a list of any object shows of it, as far as it has that.
_COLUMNS = ("Name", "Email", "Company", "Title", "Type", "Status", "StageName", "Phone", "Username", "LastModifiedDate")
_NUMBERED = frozenset({*NUMBER_TYPES})


@dataclass(frozen=True, slots=True)
class AdminData:
    """The handlers."""

    site: AdminSite

    def routes(self) -> list[web.RouteDef]:
        one = f"{ADMIN_PAGES}/data/{{object}}/{{id}}"
        return [
            web.get(f"{ADMIN_PAGES}/data", self.objects),
            web.get(f"{ADMIN_PAGES}/data/{{object}}", self.records),
            web.get(one, self.record),
            web.post(one, self.save),
            web.post(f"{one}/{{operation:delete|undelete}}", self.put_away),
        ]

    async def objects(self, request: web.Request) -> web.Response:
        org = self.site.org
        rows = [
            {
                "name": one.name,
                "label": one.label_plural,
                "live": org.count(one.name),
                "deleted": org.count(one.name, deleted=True),
                "changes": sum(org.ledger.changes_by_record(one.name).values()),
                "selected": one.name in org.config.cdc_entities,
            }
            for one in org.objects().values()
        ]
        return self.site.render(request, "objects.html", "Data", objects=rows)

    async def records(self, request: web.Request) -> web.Response:
        object_type, page = self._object(request), page_number(request)
        searched, in_bin = request.query.get("q", "").strip(), "bin" in request.query
        first = page * _ROWS_SHOWN
        found = list(islice(_matching(self.site.org, object_type, searched, in_bin), first, first + _ROWS_SHOWN + 1))
        columns = [field for name in _COLUMNS if (field := object_type.by_name.get(name)) is not None]
        return self.site.render(
            request,
            "records.html",
            "Data",
            name=object_type.name,
            label=object_type.label_plural,
            total=self.site.org.count(object_type.name, deleted=in_bin),
            bin=in_bin,
            creatable=object_type.createable,
            q=searched,
            query=urlencode({"q": searched, **({"bin": "1"} if in_bin else {})}),
            columns=columns,
            shown=_cell,
            rows=found[:_ROWS_SHOWN],
            page=page,
            more=len(found) > _ROWS_SHOWN,
        )

    async def record(self, request: web.Request) -> web.Response:
        return self._show(request, self._row(request), ())

    def _show(self, request: web.Request, row: Row, problems: Iterable[str]) -> web.Response:
        object_type, org = self._object(request), self.site.org
        record_id = str(row.get("Id", ""))
        inputs = [field for field in object_type.fields if _editable(field, new=not record_id)]
        fixed = [field for field in object_type.fields if field not in inputs and field.type != "address"]
        return self.site.render(
            request,
            "record.html",
            "Data",
            name=object_type.name,
            label=object_type.label_plural,
            heading=row.get("Name") or record_id or "new",
            record_id=record_id,
            deleted=bool(record_id) and org.get(object_type.name, record_id) is None,
            inputs=inputs,
            fixed=fixed,
            values={field.name: _value(field, row) for field in object_type.fields},
            problems=problems,
            entries=self._history(record_id) if record_id else [],
        )

    async def save(self, request: web.Request) -> web.Response:
        """What differs from the record is written; refusals are shown above what was entered."""
        object_type, row = self._object(request), self._row(request)
        entered = await form_fields(request)
        try:
            changed = _changes(object_type, row, entered)
        except ValueError as error:
            return self._show(request, {**row, **entered}, [str(error)])
        record_id = str(row["Id"]) if "Id" in row else None
        problems, record_id = self._write("update" if record_id else "create", object_type, record_id, changed)
        if problems:
            return self._show(request, {**row, **entered}, problems)
        return _see(request, f"data/{object_type.name}/{record_id}")

    async def put_away(self, request: web.Request) -> web.Response:
        """Into the recycle bin, or out of it."""
        object_type, row = self._object(request), self._row(request)
        operation: Operation = "delete" if request.match_info["operation"] == "delete" else "undelete"
        problems, _ = self._write(operation, object_type, str(row["Id"]), {})
        return self._show(request, row, problems) if problems else _see(request, f"data/{object_type.name}/{row['Id']}")

    def _write(
        self, operation: Operation, object_type: ObjectType, record_id: str | None, changed: dict[str, object]
    ) -> tuple[list[str], str | None]:
        if operation == "update" and not changed:
            return [], record_id
        org = self.site.org
        [result] = org.commit([Write(operation, object_type.name, record_id, changed)], Actor(org.admin_user_id, ""))
        return [f"{error.status_code}: {error.message}" for error in result.errors], result.record_id

    def _history(self, record_id: str) -> list[dict[str, object]]:
        ledger = self.site.org.ledger
        entries = ledger.lines(max(len(ledger) - _ENTRIES_SEARCHED, 0))
        of_it = [one for one in entries if isinstance(one, LedgerEntry) and one.record_id == record_id]
        return [shown(entry) for entry in reversed(of_it)]

    def _object(self, request: web.Request) -> ObjectType:
        object_type = self.site.org.find_object(request.match_info["object"])
        if object_type is None:
            raise web.HTTPNotFound
        return object_type

    def _row(self, request: web.Request) -> Row:
        """The record of the path; an empty one for ``new``."""
        record_id = request.match_info["id"]
        if record_id == "new":
            return {}
        row = self.site.org.get(self._object(request).name, record_id, deleted=True)
        if row is None:
            raise web.HTTPNotFound
        return row


def _matching(org: Org, object_type: ObjectType, searched: str, in_bin: bool) -> Iterable[Row]:
    """Newest first."""
    live = org.rows(object_type.name)
    rows = org.rows(object_type.name, deleted=True)[len(live) :] if in_bin else live
    wanted = searched.lower()
    for index in range(len(rows) - 1, -1, -1):
        row = rows[index]
        if not wanted or any(wanted in str(value).lower() for value in row.values()):
            yield row


def _editable(field: FieldType, *, new: bool) -> bool:
    return field.type != "address" and (field.createable if new else field.updateable)


def _value(field: FieldType, row: Row) -> object:
    return row.get(field.name) if field.compute is None else field.compute(row)


def _cell(field: FieldType, row: Row) -> object:
    """A field in a list of records: moments to the second, as the other pages have them."""
    value = row.get(field.name, "")
    return str(value)[:19].replace("T", " ") if field.type == "datetime" else value


def _changes(object_type: ObjectType, row: Row, entered: Mapping[str, str]) -> dict[str, object]:
    """The fields whose text is another than that of the record. ValueError for what is no number."""
    changed: dict[str, object] = {}
    for name, text in entered.items():
        field = object_type.by_name.get(name)
        if field is None or not _editable(field, new="Id" not in row):
            continue
        value = _parsed(field, text)
        # Browsers send line breaks as CR LF.
        if str(row.get(name, "")).replace("\r\n", "\n") != text.replace("\r\n", "\n") and value != row.get(name):
            changed[name] = value
    return changed


def _parsed(field: FieldType, text: str) -> object:
    if not text.strip():
        return None
    if field.type == "boolean":
        return text == "true"
    if field.type not in _NUMBERED:
        return text
    try:
        return int(text) if field.type == "int" else float(text)
    except ValueError:
        raise ValueError(f"{field.label} must be a number, not {text}") from None


def _see(request: web.Request, path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{base_path(request)}{ADMIN_PAGES}/{path}"})
