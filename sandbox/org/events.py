"""A transaction's changes in the wire form of Change Data Capture over CometD."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from sandbox.org.objects import Catalogue, FieldType, ObjectType
from sandbox.org.timestamps import event_datetime
from sandbox.org.writes import Change, Operation, Row

_CHANGE_TYPES: dict[Operation, str] = {
    "create": "CREATE",
    "update": "UPDATE",
    "delete": "DELETE",
    "undelete": "UNDELETE",
}


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
class ChangeEvent:
    """One event before it has a replay id."""

    entity: str
    record_ids: tuple[str, ...]
    schema_id: str
    payload: dict[str, object]

    def data(self, replay_id: int) -> bytes:
        """The ``data`` member of the Bayeux message."""
        return orjson.dumps({"schema": self.schema_id, "payload": self.payload, "event": {"replayId": replay_id}})


def change_events(
    commit: Commit, changes: Sequence[Change], catalogue: Catalogue, entities: Sequence[str], rng: random.Random
) -> list[ChangeEvent]:
    """The events of one transaction.

    Records of one object that had the same change share an event. Sequence numbers count the objects that are not
    selected for change events too, which leaves holes.
    """
    events = []
    for sequence, group in enumerate(_same_changes(changes, catalogue), start=1):
        object_type = catalogue.types[group[0].object_name]
        if object_type.name in entities:
            events.append(_event(commit, sequence, object_type, group, rng))
    return events


def _same_changes(changes: Iterable[Change], catalogue: Catalogue) -> list[list[Change]]:
    groups: dict[tuple[str, str, bytes], list[Change]] = {}
    for change in changes:
        body = orjson.dumps(change_body(catalogue.types[change.object_name], change))
        groups.setdefault((change.object_name, change.operation, body), []).append(change)
    return list(groups.values())


def _event(
    commit: Commit, sequence: int, object_type: ObjectType, group: Sequence[Change], rng: random.Random
) -> ChangeEvent:
    first, record_ids = group[0], tuple(change.record_id for change in group)
    header = {
        "commitNumber": commit.number,
        "commitUser": commit.user_id,
        "sequenceNumber": sequence,
        "entityName": object_type.name,
        "changeType": _CHANGE_TYPES[first.operation],
        "changedFields": changed_paths(object_type, first),
        "changeOrigin": commit.origin,
        "transactionKey": commit.transaction_key,
        "commitTimestamp": commit.timestamp_ms,
        "recordIds": list(record_ids),
    }
    body = change_body(object_type, first)
    return ChangeEvent(object_type.name, record_ids, schema_id(object_type), _with_header(header, body, rng))


def _with_header(header: dict[str, object], body: dict[str, object], rng: random.Random) -> dict[str, object]:
    """Captured payloads have the header among the fields, in no fixed place."""
    items = list(body.items())
    items.insert(rng.randint(0, len(items)), ("ChangeEventHeader", header))
    return dict(items)


def changed_paths(object_type: ObjectType, change: Change) -> list[str]:
    """``changedFields``: names of an update with components dotted; empty for any other change."""
    if change.operation != "update":
        return []
    return [field.event_path for field in object_type.event_fields if field.name in change.changed]


def change_body(object_type: ObjectType, change: Change) -> dict[str, object]:
    """The record fields of the payload: nothing of a delete, all that is not empty of a creation, else what changed."""
    if change.operation == "delete":
        return {}
    body: dict[str, object] = {}
    for field in object_type.event_fields:
        if field.name in change.changed:
            _put(body, field, change.changed)
    return body


def _put(body: dict[str, object], field: FieldType, values: Row) -> None:
    value = _event_value(field, values[field.name])
    if field.compound is None or field.component is None:
        body[field.name] = value
        return
    parts = body.setdefault(field.compound, {})
    assert isinstance(parts, dict)
    parts[field.component] = value


def _event_value(field: FieldType, value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if field.type == "datetime" and isinstance(value, str):
        return event_datetime(value)
    return value


def schema_id(object_type: ObjectType) -> str:
    """The id of the event schema: 22 characters that change when the object's fields change."""
    names = ",".join(field.name for field in object_type.event_fields)
    digest = hashlib.sha256(f"{object_type.name}:{names}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
