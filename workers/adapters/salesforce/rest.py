"""REST reads of one org: fields, list views and records by id."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.events import Entity
from workers.adapters.salesforce.api import Api
from workers.adapters.salesforce.errors import SalesforceRefused
from workers.adapters.salesforce.http import parsed
from workers.adapters.salesforce.names import DATA_PATH, OBJECT_NAME
from workers.ports import FieldInfo, Invisible, ListInfo, Unavailable

IDS_PER_QUERY = 200
FIELD_CHARACTERS_PER_QUERY = 8_000
"""Salesforce takes 16,384 bytes of URL: 8,000 for fields and 200 quoted ids (5,400 when encoded) stay below."""

_GONE = (
    "Salesforce does not show the list to the connected user any more: it was deleted, or it is no longer shared with "
    "him. To share it, open the list view, List View Controls (gear), Sharing Settings"
)
_NO_ACCESS = "the connected user may not read what the list shows any more: give him read access to the object"
INVISIBLE_LIST = {
    "NOT_FOUND": _GONE,
    "INSUFFICIENT_ACCESS_OR_READONLY": _GONE,
    "INSUFFICIENT_ACCESS": _NO_ACCESS,
    "INVALID_TYPE": _NO_ACCESS,
    "INVALID_FIELD": "the list uses a field that the connected user may not read: give him read access "
    "to it (field-level security)",
    "INVALID_OPERATION": "Salesforce cannot tell the list's filter as a query (it is not SOQL compatible)",
}
"""By code of the answer to a describe: what an administrator must know."""

MISSING_COLUMN = re.compile(r"No such column '([\w.]+)'")

_RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_LEADING_FIELDS = ("Id", "SystemModstamp", "IsDeleted", "LastModifiedDate")


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Choice(_Reply):
    value: str
    label: str | None = None


class _Field(_Reply):
    name: str
    type: str
    label: str = ""
    updateable: bool = True
    scale: int = 18
    compoundFieldName: str | None = None  # noqa: N815 - Salesforce's spelling
    calculated: bool = False
    picklistValues: list[_Choice] = []  # noqa: N815 - Salesforce's spelling

    @property
    def labelled(self) -> bool:
        return any(each.label not in (None, each.value) for each in self.picklistValues)


class _Describe(_Reply):
    fields: list[_Field]


class _List(_Reply):
    id: str
    label: str
    developerName: str  # noqa: N815 - Salesforce's spelling


class _Lists(_Reply):
    listviews: list[_List]
    nextRecordsUrl: str | None = None  # noqa: N815 - Salesforce's spelling


class _QueryPage(_Reply):
    records: list[dict[str, Any]]
    nextRecordsUrl: str | None = None  # noqa: N815 - Salesforce's spelling


class _Counted(_Reply):
    totalSize: int  # noqa: N815 - Salesforce's spelling


class _Anything(_Reply):
    model_config = ConfigDict(extra="allow")


class Rest:
    def __init__(self, api: Api) -> None:
        self._api = api

    def background_calls_left(self) -> int | None:
        return self._api.meter.background_calls_left()

    def calls_made(self) -> int:
        return self._api.meter.calls

    async def fields(self, entity: Entity) -> list[FieldInfo]:
        path = f"{_object_path(entity)}/describe"
        described = parsed(_Describe, await self._api.get(path), path).fields
        compounds = _compounds(described)
        return [
            FieldInfo(f.name, f.type, f.label, f.updateable, f.name in compounds, f.scale, f.calculated, f.labelled)
            for f in described
        ]

    async def lists(self, entity: Entity) -> list[ListInfo]:
        found: list[ListInfo] = []
        path: str | None = f"{_object_path(entity)}/listviews"
        while path:
            page = parsed(_Lists, await self._api.get(path), path)
            found += [ListInfo(item.id, item.label, item.developerName) for item in page.listviews]
            path = _next_path(page.nextRecordsUrl)
        return found

    async def list_describe(self, entity: Entity, list_id: str) -> dict[str, Any]:
        _check_ids([list_id])
        path = f"{_object_path(entity)}/listviews/{list_id}"
        try:
            named, described = await self._api.get(path), await self._api.get(f"{path}/describe")
        except SalesforceRefused as error:
            if (reason := INVISIBLE_LIST.get(error.code)) is not None:
                if reason is _GONE and not await self._is_visible(entity):
                    reason = _NO_ACCESS
                column = MISSING_COLUMN.search(str(error))
                code = f"{error.code}: {column[1]}" if column else error.code
                raise Invisible(f"{reason} ({code})") from error
            raise
        label = parsed(_List, named, path).label
        return {**(parsed(_Anything, described, path).model_extra or {}), "label": label}

    async def _is_visible(self, entity: Entity) -> bool:
        """Of an object that may not be read, everything is said not to exist."""
        try:
            await self.fields(entity)
        except SalesforceRefused:
            return False
        return True

    async def records(self, entity: Entity, record_ids: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
        _check_ids(record_ids)
        found: list[dict[str, Any]] = []
        for ids in _batched(record_ids, IDS_PER_QUERY):
            found += await self._joined(entity, list(_field_groups(names)), ids)
        return found

    async def _joined(self, entity: Entity, groups: list[list[str]], ids: Sequence[str]) -> list[dict[str, Any]]:
        """Several queries for one set of records when their fields do not fit into one.

        The leading fields come from the first query: a record changed in between then carries the older
        SystemModstamp, and the change's own event is applied over it.
        """
        joined: dict[str, dict[str, Any]] = {}
        for position, group in enumerate(groups):
            for row in await self.query(select(entity, group, ids), deleted=True):
                if position == 0:
                    joined[row["Id"]] = row
                elif row["Id"] in joined:
                    joined[row["Id"]] = {**row, **joined[row["Id"]]}
        return list(joined.values())

    async def count(self, soql: str, *, deleted: bool = False) -> int:
        path = _query_path(deleted)
        return parsed(_Counted, await self._api.get(path, {"q": soql}), path).totalSize

    async def query(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        path: str | None = _query_path(deleted)
        params = {"q": soql}
        while path:
            page = parsed(_QueryPage, await self._api.get(path, params), path)
            rows += [{name: value for name, value in row.items() if name != "attributes"} for row in page.records]
            path, params = _next_path(page.nextRecordsUrl), {}
        return rows


def select(entity: Entity, names: Iterable[str], record_ids: Iterable[str]) -> str:
    """SOQL for records by id. Both names and ids come from Salesforce and are checked, so nothing needs escaping."""
    quoted = ",".join(f"'{record_id}'" for record_id in record_ids)
    return f"SELECT {','.join(names)} FROM {OBJECT_NAME[entity]} WHERE Id IN ({quoted})"  # noqa: S608


def _compounds(described: Sequence[_Field]) -> set[str]:
    """Fields that only repeat others: addresses, locations, and the Name that FirstName and LastName make up.

    A business account's Name names itself as its compound and is an ordinary field.
    """
    composed = {f.compoundFieldName for f in described if f.compoundFieldName and f.compoundFieldName != f.name}
    whole = {f.name for f in described if f.compoundFieldName is None}
    return {f.name for f in described if f.type in ("address", "location")} | (composed & whole)


def _field_groups(names: Sequence[str]) -> Iterator[list[str]]:
    """Names in groups that fit into one query, Id in each and the leading fields in the first."""
    leading = [name for name in _LEADING_FIELDS if name in names]
    group, size = list(leading), sum(len(name) + 1 for name in leading)
    for name in names:
        if name in leading:
            continue
        if size + len(name) + 1 > FIELD_CHARACTERS_PER_QUERY:
            yield group
            group, size = ["Id"], 3
        group.append(name)
        size += len(name) + 1
    yield group


def _batched(items: Sequence[str], size: int) -> Iterator[list[str]]:
    iterator = iter(items)
    return iter(lambda: list(itertools.islice(iterator, size)), [])


def _check_ids(ids: Iterable[str]) -> None:
    for one in ids:
        if not _RECORD_ID.fullmatch(one):
            raise ValueError(f"not a Salesforce id: {one!r}")


def _object_path(entity: Entity) -> str:
    return f"{DATA_PATH}/sobjects/{OBJECT_NAME[entity]}"


def _query_path(deleted: bool) -> str:
    return f"{DATA_PATH}/{'queryAll' if deleted else 'query'}"


def _next_path(url: str | None) -> str | None:
    if url and not url.startswith("/services/data/"):
        raise Unavailable(f"Salesforce named an unexpected next page: {url[:80]!r}")
    return url or None
