"""Runs a query over the org's rows: scope, WHERE, ORDER BY, OFFSET, LIMIT."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from sandbox.org.objects import NUMBER_TYPES, ObjectType
from sandbox.org.soql.errors import SoqlError, at_position, malformed
from sandbox.org.soql.evaluate import Predicate, compile_condition
from sandbox.org.soql.literals import Clock, key_of
from sandbox.org.soql.parser import parse
from sandbox.org.soql.schema import Binder, Column, Row
from sandbox.org.soql.syntax import Path, Query, SelectItem, SortKey

# SOQL and SOSL Reference: FIELDS(ALL) and FIELDS(CUSTOM) need LIMIT 200 or less.
FIELDS_LIMIT = 200


class QueryableOrg(Protocol):
    """What a query needs of the org."""

    @property
    def clock(self) -> Callable[[], float]: ...
    def objects(self) -> Mapping[str, ObjectType]: ...
    def get(self, object_name: str, record_id: str, *, deleted: bool = False) -> Row | None: ...
    def rows(self, object_name: str, *, deleted: bool = False) -> Iterable[Row]: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """A query's answer: the matching rows and how to read each selected column from them."""

    query: Query
    object_type: ObjectType
    columns: tuple[Column, ...]
    rows: list[Row]


Rank = Callable[[Row], tuple[bool, float | str]]


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A query that is known to be right, not yet run."""

    query: Query
    object_type: ObjectType
    columns: tuple[Column, ...]
    matches: Predicate
    # Last key first, each with whether it sorts downwards.
    ranks: tuple[tuple[Rank, bool], ...]

    def run(self, org: QueryableOrg, *, deleted: bool = False) -> Selection:
        """The rows now; with `deleted` also those in the recycle bin (queryAll)."""
        rows = [row for row in org.rows(self.object_type.name, deleted=deleted) if self.matches(row)]
        for rank, descending in self.ranks:
            rows.sort(key=rank, reverse=descending)
        start, limit = self.query.offset, self.query.limit
        end = None if limit is None else start + limit
        return Selection(self.query, self.object_type, self.columns, rows[start:end])


def prepare(org: QueryableOrg, text: str, user_id: str) -> PreparedQuery:
    """Parse a query and resolve its names, as `user_id`; "now" is this moment.

    Raises:
        SoqlError: with Salesforce's error code and message.
    """
    query = parse(text)
    binder = Binder.of(org, query)
    ranks = tuple((_rank(key, binder), key.descending) for key in reversed(query.order))
    return PreparedQuery(query, binder.object_type, _columns(binder), _predicate(binder, org, user_id), ranks)


def run(org: QueryableOrg, text: str, user_id: str, *, deleted: bool = False) -> Selection:
    """Prepare and run a query. Raises SoqlError."""
    return prepare(org, text, user_id).run(org, deleted=deleted)


def _predicate(binder: Binder, org: QueryableOrg, user_id: str) -> Predicate:
    clock = Clock(datetime.fromtimestamp(org.clock(), UTC))
    where = compile_condition(binder.query.where, binder, clock)
    scope = _scope(binder, user_id)
    if scope is None:
        return where
    return lambda row: scope(row) and where(row)


def _scope(binder: Binder, user_id: str) -> Predicate | None:
    scope = binder.query.scope
    if scope == "everything":
        return None
    if scope == "mine" and binder.object_type.find("OwnerId"):
        return lambda row: row.get("OwnerId") == user_id
    if scope == "mru":
        return lambda row: row.get("LastViewedDate") is not None
    message = f"Invalid scope for sObject type '{binder.object_type.name}': {scope}"
    raise SoqlError("MALFORMED_QUERY", message)


def _columns(binder: Binder) -> tuple[Column, ...]:
    query = binder.query
    if query.counts_only:
        return ()
    return tuple(column for item in query.select for column in _expand(binder, item))


def _expand(binder: Binder, item: SelectItem) -> list[Column]:
    text, path = binder.query.text, item.path
    if item.function == "fields" and path is not None:
        return _all_fields(binder, path)
    if item.function not in {None, "tolabel", "format"} or path is None:
        offset = path.offset if path else 0
        raise malformed(text, offset, f"unsupported function in the field list: {item.function}")
    return [binder.column(path)]


def _all_fields(binder: Binder, path: Path) -> list[Column]:
    which = path.text.lower()
    limit = binder.query.limit
    if which not in {"all", "standard", "custom"}:
        raise malformed(binder.query.text, path.offset, f"unexpected token: '{path.text}'")
    if which != "standard" and (limit is None or limit > FIELDS_LIMIT):
        raise malformed(binder.query.text, path.offset, "The SOQL FIELDS function must have a LIMIT of at most 200")
    wanted = {"all": (True, False), "standard": (False,), "custom": (True,)}[which]
    fields = (field for field in binder.object_type.fields if field.custom in wanted)
    return [binder.column(Path((field.name,), path.offset)) for field in fields]


def _rank(sort_key: SortKey, binder: Binder) -> Rank:
    """The order by one key. Nulls come first unless the query says otherwise, in both directions."""
    column = binder.column(sort_key.path)
    if column.field.type == "address" or not column.field.filterable:
        detail = f"field '{column.field.name}' can not be sorted in a query call"
        raise SoqlError("INVALID_FIELD", at_position(binder.query.text, sort_key.path.offset, detail))
    key, read = key_of(column.field), column.read
    nothing: float | str = 0.0 if column.field.type in NUMBER_TYPES | {"boolean"} else ""
    null_is_greatest = sort_key.nulls_last is not sort_key.descending

    def rank(row: Row) -> tuple[bool, float | str]:
        value = key(read(row))
        return (value is None) is null_is_greatest, nothing if value is None else value

    return rank
