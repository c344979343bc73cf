"""A transaction's changes in the wire form of Change Data Capture over CometD."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.org.events.textdiff import diff_of
from sandbox.org.metadata.objects import Catalogue, FieldType, ObjectType
from sandbox.org.rows.writes import Change, Operation, Row
from sandbox.org.values.timestamps import event_datetime

_CHANGE_TYPES: dict[Operation, str] = {
    "create": "CREATE",
    "update": "UPDATE",
    "delete": "DELETE",
    "undelete": "UNDELETE",
    "hard_delete": "DELETE",
}
OVERFLOW = "GAP_OVERFLOW"
#: CDC guide, overflow events: the record id that stands for "any".
NO_RECORD = "000000000000000AAA"


@dataclass(frozen=True, slots=True)
class Commit:
    """What every event of one transaction says about it."""

    number: int
    # In the event: whole seconds. For the ledger: when it really happened.
    timestamp_ms: int
    committed_at_ms: float
    transaction_key: str
    user_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class EventRules:
    """What an org announces, and when a gap or an overflow stands for a change."""

    entities: Sequence[str]
    max_bytes: int = 1_000_000
    overflow_changes: int = 100_000
    long_text_as_diff: bool = False
    merge_deletes: bool = True


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One event before it has a replay id."""

    entity: str
    # The records that the event tells about; an overflow tells about none.
    record_ids: tuple[str, ...]
    schema_id: str
    payload: Mapping[str, object]
    change_type: str = "UPDATE"

    def data(self, replay_id: int, extra: Mapping[str, object] | None = None) -> bytes:
        """The ``data`` member of the Bayeux message; ``extra`` fields never hide those of the event."""
        payload = {**extra, **self.payload} if extra else self.payload
        return orjson.dumps({"schema": self.schema_id, "payload": payload, "event": {"replayId": replay_id}})

    def as_gap(self) -> ChangeEvent:
        """The gap event that Salesforce sends when it cannot build this one: a header that names the records."""
        if self.change_type.startswith("GAP_"):
            return self
        header = self.payload["ChangeEventHeader"]
        assert isinstance(header, dict)
        gap_type = f"GAP_{self.change_type}"
        gap = header | {"changeType": gap_type, "changedFields": [], "changeOrigin": ""}
        return ChangeEvent(self.entity, self.record_ids, self.schema_id, {"ChangeEventHeader": gap}, gap_type)


@dataclass(frozen=True, slots=True)
class _Group:
    """Changes that one event may tell, and what it says of them."""

    object_type: ObjectType
    body: dict[str, object]
    body_bytes: int
    changed_paths: list[str]
    changes: list[Change]

    @property
    def weight(self) -> int:
        """CDC guide: a changed field of an update counts one, any other change of a record counts one."""
        return len(self.changes) * (len(self.changed_paths) or 1)


def change_events(
    commit: Commit, changes: Sequence[Change], catalogue: Catalogue, rules: EventRules, rng: random.Random
) -> list[ChangeEvent]:
    """The events of one transaction.

    Records of one object that had the same change share an event. Sequence numbers count the objects that are not
    selected for change events too, which leaves holes. Beyond the overflow limit one event per object stands for all.
    """
    events: list[ChangeEvent] = []
    overflowed: dict[str, None] = {}
    seen = sequence = 0
    for group in _same_changes(changes, catalogue, rules):
        object_type = group.object_type
        seen += group.weight
        if seen > rules.overflow_changes:
            overflowed[object_type.name] = None
            continue
        sequence += 1
        if object_type.name in rules.entities:
            event = _event(commit, sequence, group, rules, rng)
            events.append(event.as_gap() if group.body_bytes > rules.max_bytes else event)
    for number, name in enumerate(overflowed, start=sequence + 1):
        if name in rules.entities:
            events.append(_overflow(commit, number, catalogue.types[name]))
    return events


def _same_changes(changes: Iterable[Change], catalogue: Catalogue, rules: EventRules) -> list[_Group]:
    groups: dict[tuple[str, str, bytes, str, int], _Group] = {}
    for change in changes:
        if not change.announced:
            continue
        object_type = catalogue.types[change.object_name]
        body = _change_body(object_type, change)
        text = orjson.dumps(body)
        alone = "" if rules.merge_deletes or change.operation != "delete" else change.record_id
        key = (change.object_name, change.operation, text, alone, change.told_later_ms)
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(object_type, body, len(text), _changed_paths(object_type, change), [])
        group.changes.append(change)
    return list(groups.values())


def _event(commit: Commit, sequence: int, group: _Group, rules: EventRules, rng: random.Random) -> ChangeEvent:
    object_type, first, body = group.object_type, group.changes[0], group.body
    record_ids = tuple(change.record_id for change in group.changes)
    change_type = _CHANGE_TYPES[first.operation]
    header = _header(commit, sequence, object_type, change_type, record_ids)
    header["changedFields"] = group.changed_paths
    header["commitTimestamp"] = commit.timestamp_ms + first.told_later_ms
    if rules.long_text_as_diff and len(group.changes) == 1:
        _put_diffs(body, object_type, first)
    payload = _with_header(header, body, rng)
    return ChangeEvent(object_type.name, record_ids, object_type.event_schema_id, payload, change_type)


def _overflow(commit: Commit, sequence: int, object_type: ObjectType) -> ChangeEvent:
    header = _header(commit, sequence, object_type, OVERFLOW, (NO_RECORD,))
    return ChangeEvent(object_type.name, (), object_type.event_schema_id, {"ChangeEventHeader": header}, OVERFLOW)


def wildcard_event(commit: Commit, object_type: ObjectType, field: FieldType, rng: random.Random) -> ChangeEvent:
    """A custom field of all records lost its values: the prefix of their ids stands for them, as in ``003*``."""
    header = _header(commit, 1, object_type, "UPDATE", (f"{object_type.key_prefix}*",))
    header["changedFields"] = [field.event_path]
    payload = _with_header(header, event_fields(object_type, {field.name: None}), rng)
    return ChangeEvent(object_type.name, (), object_type.event_schema_id, payload)


def _header(
    commit: Commit, sequence: int, object_type: ObjectType, change_type: str, record_ids: Sequence[str]
) -> dict[str, object]:
    return {
        "commitNumber": commit.number,
        "commitUser": commit.user_id,
        "sequenceNumber": sequence,
        "entityName": object_type.name,
        "changeType": change_type,
        "changedFields": [],
        "changeOrigin": commit.origin,
        "transactionKey": commit.transaction_key,
        "commitTimestamp": commit.timestamp_ms,
        "recordIds": list(record_ids),
    }


def _with_header(header: dict[str, object], body: dict[str, object], rng: random.Random) -> dict[str, object]:
    """Captured payloads have the header among the fields, in no fixed place."""
    items = list(body.items())
    items.insert(rng.randint(0, len(items)), ("ChangeEventHeader", header))
    return dict(items)


def _changed_paths(object_type: ObjectType, change: Change) -> list[str]:
    """``changedFields``: names of an update with components dotted; empty for any other change."""
    if change.operation != "update":
        return []
    return [field.event_path for field in object_type.event_fields if field.name in change.changed]


def _change_body(object_type: ObjectType, change: Change) -> dict[str, object]:
    """The record fields of the payload: nothing of a delete, all that is not empty of a creation, else what changed."""
    if change.operation in {"delete", "hard_delete"}:
        return {}
    if object_type.computed_event_fields:
        return event_fields(object_type, change.changed | _computed(object_type, change))
    return event_fields(object_type, change.changed)


def _computed(object_type: ObjectType, change: Change) -> Row:
    """Formula fields that are others than before; they never count as changed fields."""
    values: Row = {}
    for field in object_type.computed_event_fields:
        assert field.compute is not None
        before = None if change.before is None else field.compute(change.before)
        value = field.compute(change.after)
        if value != before:
            values[field.name] = value
    return values


def event_fields(object_type: ObjectType, values: Row) -> dict[str, object]:
    """Flat values as an event nests and writes them; what events never carry is left out."""
    body: dict[str, Any] = {}
    for name, compound, component, is_moment in object_type.event_parts:
        if name not in values:
            continue
        value = values[name]
        if type(value) is int:
            value = float(value)
        elif is_moment and isinstance(value, str):
            value = event_datetime(value)
        if compound is None:
            body[name] = value
            continue
        parts = body.get(compound)
        if not isinstance(parts, dict):
            # The name of a person account is told by its parts.
            parts = body[compound] = {}
        parts[component] = value
    return body


def _put_diffs(body: dict[str, object], object_type: ObjectType, change: Change) -> None:
    for one in object_type.long_text_fields:
        before, after = (change.before or {}).get(one.name), change.changed.get(one.name)
        if isinstance(before, str) and isinstance(after, str) and (diff := diff_of(before, after)) is not None:
            body[one.name] = {"diff": diff}
