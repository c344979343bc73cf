"""Custom channels (``/data/<Name>__chn``): which events pass their filters, and what they are enriched with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from sandbox.org.events.change_events import ChangeEvent, event_fields
from sandbox.org.events.custom_channels import ChannelMember, CustomChannel
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rows.tables import Snapshot
from sandbox.org.rows.writes import Row
from sandbox.org.soql.execute import prepare
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.soql.schema import QuerySettings

# Header fields that a filter may name; arrays are not allowed (CDC guide, stream filtering).
_HEADER_FIELDS = ("entityName", "changeType", "changeOrigin", "transactionKey", "commitUser")
_HEADER_PREFIX = "ChangeEventHeader_"
_STRING_LITERAL = re.compile(r"('(?:\\.|[^'\\])*')", re.DOTALL)
_DOTTED = re.compile(r"\b([A-Za-z]\w*)\.(\w+)")
_ENRICHED_CHANGES = frozenset({"UPDATE", "DELETE"})


class FilterSource:
    """The queryable world of a filter: the object's fields, and the event header's beside them."""

    def __init__(self, types: Mapping[str, ObjectType], clock: Callable[[], float], config: QuerySettings) -> None:
        self.clock = clock
        self.config = config
        self._types = {name: _with_header_fields(one) for name, one in types.items()}

    def objects(self) -> Mapping[str, ObjectType]:
        return self._types

    def get(self, _object_name: str, _record_id: str, *, deleted: bool = False) -> Row | None:
        """Filters do not follow references."""
        return None

    def rows(self, _object_name: str, *, deleted: bool = False) -> Snapshot:
        return Snapshot([])

    def rows_with(self, _object_name: str, _field_name: str, _value: object) -> Iterable[Row]:
        return ()

    def viewed_at(self, _object_name: str, _record_id: str) -> str | None:
        """A filter is nobody's."""
        return None

    def predicate(self, entity: str, expression: str) -> Callable[[Row], bool]:
        """Compile a filter. SoqlError when it is not a condition over the object."""
        condition = _flat(expression, self._types[entity])
        query = f"SELECT Id FROM {entity} WHERE {condition}"  # noqa: S608 (SOQL, over rows in memory)
        return prepare(self, query, "").matches


class Member:
    """A channel member, its filter compiled."""

    def __init__(self, channel: CustomChannel, member: ChannelMember, source: FilterSource) -> None:
        self.path = channel.path
        self._object_type = source.objects()[member.entity]
        self._filter = member.filter_expression
        self._matches = source.predicate(member.entity, self._filter) if self._filter else None
        self._enriched = [*member.enriched_fields, *_names_in(self._filter or "", self._object_type)]

    def enrichment(self, event: ChangeEvent, rows: Sequence[Row]) -> Row | None:
        """The fields to add to an event of these records; None when the channel does not carry it."""
        if self._matches is not None and rows and not self._passes(event, rows):
            return None
        if event.change_type not in _ENRICHED_CHANGES or not self._enriched:
            return {}
        fields = [self._values(row) for row in rows]
        return fields[0] if all(one == fields[0] for one in fields) else {}

    def _passes(self, event: ChangeEvent, rows: Sequence[Row]) -> bool:
        assert self._matches is not None
        header = event.payload["ChangeEventHeader"]
        assert isinstance(header, dict)
        named = {_HEADER_PREFIX + name: header[name] for name in _HEADER_FIELDS}
        return any(self._matches({**row, **named}) for row in rows)

    def _values(self, row: Row) -> Row:
        names = {one for name in self._enriched for one in _parts(self._object_type, name)}
        values = {name: row[name] for name in names if row.get(name) is not None}
        return event_fields(self._object_type, values)


def members_by_entity(channels: Iterable[CustomChannel], source: FilterSource) -> dict[str, list[Member]]:
    """Who carries the events of an object. SoqlError for a filter that is none."""
    found: dict[str, list[Member]] = {}
    for channel in channels:
        for member in channel.members:
            found.setdefault(member.entity, []).append(Member(channel, member, source))
    return found


def _with_header_fields(object_type: ObjectType) -> ObjectType:
    header = tuple(FieldType(_HEADER_PREFIX + name, "string", name, length=255) for name in _HEADER_FIELDS)
    return replace(object_type, fields=object_type.fields + header)


def _flat(expression: str, object_type: ObjectType) -> str:
    """Dotted names (``BillingAddress.City``, ``ChangeEventHeader.changeType``) as the flat ones of a row.

    SoqlError for a path to another record.
    """
    flat = {f"{one.compound}.{one.component}".lower(): one.name for one in object_type.fields if one.compound}
    flat |= {f"changeeventheader.{name}".lower(): _HEADER_PREFIX + name for name in _HEADER_FIELDS}

    def rename(found: re.Match[str]) -> str:
        name = flat.get(found[0].lower())
        if name is None:
            raise SoqlError("INVALID_FIELD", f"A stream filter cannot follow {found[0]}")
        return name

    pieces = _STRING_LITERAL.split(expression)
    return "".join(piece if index % 2 else _DOTTED.sub(rename, piece) for index, piece in enumerate(pieces))


def _names_in(expression: str, object_type: ObjectType) -> list[str]:
    """The object's fields that a filter names: events are enriched with them too."""
    outside = " ".join(_STRING_LITERAL.split(_flat(expression, object_type))[::2])
    words = re.findall(r"\w+", outside)
    return [
        word for word in dict.fromkeys(words) if word in object_type.by_name and not word.startswith(_HEADER_PREFIX)
    ]


def _parts(object_type: ObjectType, name: str) -> list[str]:
    """A compound is enriched whole."""
    parts = [one.name for one in object_type.fields if one.compound == name and one.type != "address"]
    return parts or [name]
