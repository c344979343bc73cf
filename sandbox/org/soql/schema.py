"""Names to columns: what a path of a query reads from a row, across parents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from sandbox.org.metadata.objects import FieldType, ObjectType, address, record_name
from sandbox.org.rows.tables import Snapshot
from sandbox.org.soql.columns import Column, Row
from sandbox.org.soql.distance import distance
from sandbox.org.soql.language.errors import malformed, unknown_column, unknown_relationship, unsupported_type
from sandbox.org.soql.language.syntax import Call, Expression, Path, Query
from sandbox.org.soql.settings import SoqlSettings
from sandbox.org.soql.values.functions import row_function
from sandbox.org.soql.values.literals import Clock
from sandbox.org.users.recent import VIEWING_DATES

__all__ = ["Binder", "BoundScope", "Column", "RecordSource", "Row", "find_object", "relationship"]

# SOQL and SOSL Reference, "Relationship query limitations": at most five levels from child to parent.
MAX_PARENT_LEVELS = 5


class QuerySettings(Protocol):
    @property
    def soql(self) -> SoqlSettings: ...


class RecordSource(Protocol):
    """What a query reads from; the org's store is one."""

    @property
    def clock(self) -> Callable[[], float]: ...
    @property
    def config(self) -> QuerySettings: ...
    def objects(self) -> Mapping[str, ObjectType]: ...
    def get(self, object_name: str, record_id: str, *, deleted: bool = False) -> Row | None: ...
    def rows(self, object_name: str, *, deleted: bool = False) -> Snapshot: ...
    def rows_with(self, object_name: str, field_name: str, value: object) -> Iterable[Row]:
        """The live rows with that value; it may be in another letter case."""
        ...

    def viewed_at(self, object_name: str, record_id: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Binder:
    """Resolves the paths of one query."""

    source: RecordSource
    query: Query
    object_type: ObjectType
    user_id: str
    clock: Clock

    @classmethod
    def of(cls, source: RecordSource, query: Query, user_id: str, clock: Clock) -> Binder:
        """Raises SoqlError INVALID_TYPE for an object that does not exist."""
        object_type = find_object(source, query.object_name)
        if object_type is None:
            raise unsupported_type(query.text, query.object_offset, query.object_name)
        return cls(source, query, object_type, user_id, clock)

    def on(self, object_type: ObjectType) -> Binder:
        """For paths that begin at another object."""
        return replace(self, object_type=object_type)

    @property
    def null_matches_negation(self) -> bool:
        return self.source.config.soql.null_matches_negation

    def operand(self, expression: Expression) -> Column:
        """The column of a path or of a function of one row.

        Raises:
            SoqlError: INVALID_FIELD for an unknown name, MALFORMED_QUERY for a function that does not fit.
        """
        if isinstance(expression, Path):
            return self.column(expression)
        if expression.function == "distance":
            return self._distance(expression)
        return self.function(expression, None if expression.argument is None else self.operand(expression.argument))

    def function(self, call: Call, argument: Column | None) -> Column:
        """The column of a function of one row, over its bound argument."""
        found = None
        if argument is not None and not call.more:
            found = row_function(call.function, argument.field, argument.read, self.clock)
        if found is None or argument is None:
            raise malformed(self.query.text, call.offset, f"Unknown function: {call.text}")
        return Column(argument.names, *found)

    def _distance(self, call: Call) -> Column:
        found = distance(call, self.operand(call.argument) if call.argument else None)
        if found is None:
            raise malformed(self.query.text, call.offset, f"Invalid use of DISTANCE: {call.text}")
        return found

    def column(self, path: Path) -> Column:
        """Raises SoqlError INVALID_FIELD for a relationship or field that does not exist."""
        parts = self._without_prefix(path.parts)
        if len(parts) > MAX_PARENT_LEVELS + 1:
            raise malformed(self.query.text, path.offset, "SOQL relationship path has too many levels")
        return self._resolve(self.object_type, parts, path.offset)

    def _without_prefix(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """`c.Name` with FROM Contact c, or `Contact.Name`, is `Name`."""
        prefixes = {self.object_type.name.lower(), (self.query.alias or "").lower()}
        has_prefix = len(parts) > 1 and parts[0].lower() in prefixes
        if has_prefix and relationship(self.object_type, parts[0]) is None:
            return parts[1:]
        return parts

    def _resolve(self, object_type: ObjectType, parts: tuple[str, ...], offset: int) -> Column:
        name, *rest = parts
        if not rest:
            return self._field(object_type, name, offset)
        reference = relationship(object_type, name)
        if reference is None:
            raise unknown_relationship(self.query.text, offset, name)
        parents = [one for one in (find_object(self.source, target) for target in reference.reference_to) if one]
        # A polymorphic reference knows the fields that any of its targets has.
        known = [one for one in parents if len(rest) > 1 or one.find(rest[0])] or parents[:1]
        if not known:
            raise unknown_relationship(self.query.text, offset, name)
        columns = {one.name: self._resolve(one, tuple(rest), offset) for one in known}
        first = next(iter(columns.values()))
        read = _through(self.source, reference.name, columns)
        return Column((str(reference.relationship_name), *first.names), first.field, read)

    def _field(self, object_type: ObjectType, name: str, offset: int) -> Column:
        found = object_type.find(name)
        if found is None:
            raise unknown_column(self.query.text, offset, name, object_type.name)
        if found.name in VIEWING_DATES:
            return Column((found.name,), found, lambda row: self.source.viewed_at(object_type.name, str(row["Id"])))
        return Column((found.name,), found, _reader(object_type, found))


def find_object(source: RecordSource, name: str) -> ObjectType | None:
    """The object type of that name in any letter case."""
    types = source.objects()
    if name in types:
        return types[name]
    return next((one for key, one in types.items() if key.lower() == name.lower()), None)


def relationship(object_type: ObjectType, name: str) -> FieldType | None:
    lowered = name.lower()
    candidates = (one for one in object_type.references if one.relationship_name)
    return next((one for one in candidates if str(one.relationship_name).lower() == lowered), None)


def _through(source: RecordSource, reference: str, parents: Mapping[str, Column]) -> Callable[[Row], object]:
    """Reads a field of the parent; a missing parent gives null (which conditions take for false on a checkbox)."""
    targets = tuple((name, column.read) for name, column in parents.items())

    def read(row: Row) -> object:
        parent_id = row.get(reference)
        if not parent_id:
            return None
        for name, read_parent in targets:
            parent_row = source.get(name, str(parent_id))
            if parent_row is not None:
                return read_parent(parent_row)
        return None

    return read


def _reader(object_type: ObjectType, field: FieldType) -> Callable[[Row], object]:
    name = field.name
    if field.compute is not None:
        return field.compute
    if field.type == "address":
        return lambda row: address(object_type, name, row)
    if name == "Name" and object_type.find("LastName"):
        return record_name
    if field.type == "boolean":
        return lambda row: bool(row.get(name))
    return lambda row: row.get(name)


class BoundScope:
    """What every scope of conditions tells of the query that its binder resolves."""

    __slots__ = ()
    binder: Binder

    @property
    def text(self) -> str:
        return self.binder.query.text

    @property
    def clock(self) -> Clock:
        return self.binder.clock

    @property
    def null_matches_negation(self) -> bool:
        return self.binder.null_matches_negation
