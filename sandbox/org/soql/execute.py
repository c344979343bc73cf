"""Runs a query over the org's rows: scope, WHERE, GROUP BY, ORDER BY, OFFSET, LIMIT."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from sandbox.org.metadata.objects import NUMBER_TYPES, ObjectType
from sandbox.org.rows.tables import Snapshot
from sandbox.org.soql.aggregate import GroupScope, is_aggregate
from sandbox.org.soql.children import CHILD_TYPE, ChildRelationship, child_relationship, child_rows
from sandbox.org.soql.evaluate import KeyTest, Predicate, Scope, compile_condition, everything
from sandbox.org.soql.joins import check_joins, inner_column
from sandbox.org.soql.language.errors import SoqlError, at_position, malformed
from sandbox.org.soql.language.parser import parse
from sandbox.org.soql.language.syntax import ChildQuery, Expression, Join, Query, SortKey
from sandbox.org.soql.lookup import Lookup, lookup
from sandbox.org.soql.record_scopes import scope_test
from sandbox.org.soql.schema import Binder, BoundScope, Column, RecordSource, Row
from sandbox.org.soql.select_list import aggregate_columns, record_columns
from sandbox.org.soql.values.literals import Clock, Key, key_of

Rank = Callable[[Row], tuple[bool, float | str]]


@dataclass(frozen=True, slots=True)
class Selection:
    """A query's answer: the matching rows and how to read each selected column from them.

    With `aggregated` the rows are groups, not records. A column of type `CHILD_TYPE` reads a Selection, or None.
    """

    query: Query
    object_type: ObjectType
    columns: tuple[Column, ...]
    rows: Snapshot
    aggregated: bool = False


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A query that is known to be right, not yet run."""

    query: Query
    object_type: ObjectType
    columns: tuple[Column, ...]
    matches: Predicate
    # Last key first, each with whether it sorts downwards.
    ranks: tuple[tuple[Rank, bool], ...] = ()
    grouping: GroupScope | None = None
    having: Predicate = field(default=lambda group: True)
    # By the name of the relationship, which is also the column's.
    children: Mapping[str, ChildPlan] = field(default_factory=dict)
    lookup: Lookup | None = None

    def run(self, org: RecordSource, *, deleted: bool = False) -> Selection:
        """The rows now; with `deleted` also those in the recycle bin (queryAll)."""
        in_any_order = not self.ranks and self.grouping is None
        rows = self.filtered(org, deleted=deleted, at_most=self._last if in_any_order else None)
        if self.grouping is not None:
            rows = Snapshot.of(self.grouping.groups(rows, self.having))
        return self.selection(self.arranged(rows), self.bound_columns(org, deleted=deleted))

    @property
    def _last(self) -> int | None:
        """How many rows OFFSET and LIMIT need."""
        return None if self.query.limit is None else self.query.offset + self.query.limit

    def candidates(self, org: RecordSource, *, deleted: bool) -> Snapshot:
        """All that can match."""
        if self.lookup is not None and not deleted:
            return self.lookup.rows(org)
        return org.rows(self.object_type.name, deleted=deleted)

    def filtered(self, org: RecordSource, *, deleted: bool, at_most: int | None = None) -> Snapshot:
        rows = self.candidates(org, deleted=deleted)
        return rows[:at_most] if self.matches is everything else rows.where(self.matches, at_most)

    def arranged(self, rows: Snapshot) -> Snapshot:
        """Sorted, then cut by OFFSET and LIMIT."""
        for rank, descending in self.ranks:
            rows = rows.sorted(rank, reverse=descending)
        return rows[self.query.offset : self._last]

    def bound_columns(self, org: RecordSource, *, deleted: bool) -> tuple[Column, ...]:
        """The columns, those of child queries over the children that exist now."""
        return tuple(
            replace(column, read=self.children[column.text].reader(org, deleted=deleted))
            if column.field.type == CHILD_TYPE
            else column
            for column in self.columns
        )

    def selection(self, rows: Snapshot, columns: tuple[Column, ...]) -> Selection:
        return Selection(self.query, self.object_type, columns, rows, aggregated=self.grouping is not None)


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """A child query: its children are found once per run, for all parents together."""

    prepared: PreparedQuery
    relationship: ChildRelationship

    def reader(self, org: RecordSource, *, deleted: bool) -> Callable[[Row], Selection | None]:
        by_parent = child_rows(self.prepared.filtered(org, deleted=deleted), self.relationship)
        columns = self.prepared.bound_columns(org, deleted=deleted)

        def read(row: Row) -> Selection | None:
            rows = self.prepared.arranged(by_parent.get(str(row["Id"]), Snapshot([])))
            return self.prepared.selection(rows, columns) if rows else None

        return read


def prepare(org: RecordSource, text: str, user_id: str) -> PreparedQuery:
    """Parse a query and resolve its names, as `user_id`; "now" is this moment.

    Raises:
        SoqlError: with Salesforce's error code and message.
    """
    return _prepare(Binder.of(org, parse(text), user_id, _clock(org, user_id)))


def run(org: RecordSource, text: str, user_id: str, *, deleted: bool = False) -> Selection:
    """Prepare and run a query. Raises SoqlError."""
    return prepare(org, text, user_id).run(org, deleted=deleted)


def _clock(org: RecordSource, user_id: str) -> Clock:
    settings, user_zone = org.config.soql, _zone_of(org, user_id)
    zone = user_zone if settings.day_zone == "user" else ZoneInfo(settings.day_zone)
    now = datetime.fromtimestamp(org.clock(), UTC)
    return Clock(now, zone, user_zone, settings.week_start, settings.fiscal_year_start_month)


def _zone_of(org: RecordSource, user_id: str) -> tzinfo:
    user = org.get("User", user_id) if "User" in org.objects() else None
    return ZoneInfo(str(user["TimeZoneSidKey"])) if user and user.get("TimeZoneSidKey") else UTC


def _prepare(binder: Binder) -> PreparedQuery:
    query = binder.query
    matches = _predicate(binder)
    if is_aggregate(query):
        return _prepare_groups(binder, matches)
    if query.having is not None:
        raise malformed(query.text, query.object_offset, "HAVING needs GROUP BY or an aggregate function")
    children = _child_plans(binder)
    columns = () if query.counts_only else record_columns(binder, list(children))
    ranks = _ranks(query, binder.operand)
    return PreparedQuery(query, binder.object_type, columns, matches, ranks, children=children, lookup=lookup(binder))


def _prepare_groups(binder: Binder, matches: Predicate) -> PreparedQuery:
    query = binder.query
    if query.limit is not None and not query.group:
        message = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
        raise malformed(query.text, query.object_offset, message)
    scope = GroupScope.of(binder)
    columns = aggregate_columns(query, scope)
    having = compile_condition(query.having, scope)
    ranks = _ranks(query, scope.operand)
    return PreparedQuery(query, binder.object_type, columns, matches, ranks, scope, having, lookup=lookup(binder))


def _child_plans(binder: Binder) -> dict[str, ChildPlan]:
    plans: dict[str, ChildPlan] = {}
    for item in binder.query.select:
        if isinstance(item, ChildQuery):
            relationship = child_relationship(binder, item.query)
            child = replace(item.query, object_name=relationship.object_name)
            if is_aggregate(child) or child.counts_only:
                raise malformed(child.text, child.object_offset, "Aggregates are not supported in child queries")
            child_binder = Binder.of(binder.source, child, binder.user_id, binder.clock)
            plans[relationship.name] = ChildPlan(_prepare(child_binder), relationship)
    return plans


@dataclass(frozen=True, slots=True)
class _RowScope(BoundScope):
    """Conditions over the rows of one object."""

    binder: Binder

    def operand(self, expression: Expression) -> Column:
        return self.binder.operand(expression)

    def join_test(self, join: Join) -> KeyTest:
        """The sub-select runs when the first row is tested."""
        source = self.binder.source
        inner = _prepare(Binder.of(source, join.query, self.binder.user_id, self.clock))
        column = inner_column(self.binder, join, inner.columns)
        key = key_of(column.field)
        found: list[frozenset[Key | None]] = []

        def test(value: Key | None) -> bool:
            if not found:
                found.append(frozenset(key(column.read(row)) for row in inner.run(source).rows) - {None})
            return value in found[0]

        return test


def _predicate(binder: Binder) -> Predicate:
    check_joins(binder.query)
    row_scope: Scope = _RowScope(binder)
    where = compile_condition(binder.query.where, row_scope)
    scope = scope_test(binder)
    if scope is None:
        return where
    return lambda row: scope(row) and where(row)


def _ranks(query: Query, operand: Callable[[Expression], Column]) -> tuple[tuple[Rank, bool], ...]:
    return tuple((_rank(key, operand(key.operand), query.text), key.descending) for key in reversed(query.order))


def _rank(sort_key: SortKey, column: Column, text: str) -> Rank:
    """The order by one key. Nulls come first unless the query says otherwise, in both directions."""
    if not column.field.sortable:
        detail = f"field '{column.field.name}' can not be sorted in a query call"
        raise SoqlError("INVALID_FIELD", at_position(text, sort_key.operand.offset, detail))
    key, read = key_of(column.field), column.read
    nothing: float | str = 0.0 if column.field.type in NUMBER_TYPES | {"boolean"} else ""
    null_is_greatest = sort_key.nulls_last is not sort_key.descending

    def rank(row: Row) -> tuple[bool, float | str]:
        value = key(read(row))
        return (value is None) is null_is_greatest, nothing if value is None else value

    return rank
