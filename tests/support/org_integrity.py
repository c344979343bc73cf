"""What is true of a simulated org's records, events and ledger after whatever was done to it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import orjson

from sandbox.org.events.log import ALL_CHANGES
from sandbox.org.metadata.objects import ObjectType
from sandbox.org.store.org import Org, Row

# A lookup may point into the recycle bin, where its parent came to lie after it was written.
_BINNED = {"delete", "hard_delete"}


def damage(org: Org) -> list[str]:
    """Everything that contradicts itself; empty for an org in order."""
    return [*_damaged_rows(org), *_repeated_values(org), *_unlike_the_ledger(org), *_damaged_events(org)]


def _damaged_rows(org: Org) -> Iterator[str]:
    for object_type in org.objects().values():
        live = {str(row["Id"]) for row in org.rows(object_type.name)}
        rows = list(org.rows(object_type.name, deleted=True))
        if len({str(row["Id"]) for row in rows}) != len(rows):
            yield f"{object_type.name}: one id for several records"
        for row in rows:
            yield from (f"{row['Id']}: {fault}" for fault in _faults_of(object_type, row, lives=str(row["Id"]) in live))


def _faults_of(object_type: ObjectType, row: Row, *, lives: bool) -> Iterator[str]:
    record_id = str(row["Id"])
    if len(record_id) != 18 or not record_id.startswith(object_type.key_prefix):
        yield f"is no id of {object_type.name}"
    if "IsDeleted" in object_type.by_name and bool(row.get("IsDeleted")) == lives:
        yield "IsDeleted is wrong"
    if unknown := row.keys() - object_type.by_name.keys():
        yield f"has fields of its own: {sorted(unknown)}"
    if missing := [one.name for one in object_type.fields if one.required and row.get(one.name) in {None, ""}]:
        yield f"lacks {missing}"
    for name, value in row.items():
        if not isinstance(value, str | bool | int | float):
            yield f"{name} is a {type(value).__name__}"
    orjson.dumps(row)


def _repeated_values(org: Org) -> Iterator[str]:
    for object_type in org.objects().values():
        for field in object_type.unique_fields:
            values = [str(row[field.name]).lower() for row in org.rows(object_type.name) if field.name in row]
            if len(values) != len(set(values)):
                yield f"{object_type.name}.{field.name}: a unique value twice"


def _unlike_the_ledger(org: Org) -> Iterator[str]:
    """The last line about a record shows it as it is."""
    last = {entry.record_id: entry for entry in org.ledger.after(0) if entry.actor is not None}
    for entry in last.values():
        lives = org.get(entry.object_name, entry.record_id) is not None
        if lives == (entry.operation in _BINNED):
            yield f"{entry.record_id}: the ledger says {entry.operation}"
        row = org.get(entry.object_name, entry.record_id, deleted=True)
        if entry.operation != "hard_delete" and row != entry.after:
            yield f"{entry.record_id}: not as the ledger has it"


def _damaged_events(org: Org) -> Iterator[str]:
    """Replay ids grow, and an event told is one that the ledger has."""
    events = org.events.after(ALL_CHANGES, -2, 1_000_000)
    if any(one.replay_id >= other.replay_id for one, other in pairwise(events)):
        yield "replay ids do not grow"
    told = {entry.replay_id for entry in org.ledger.after(0)}
    for event in events:
        header = orjson.loads(event.data)["payload"]["ChangeEventHeader"]
        if event.replay_id not in told or header["entityName"] != event.entity:
            yield f"event {event.replay_id} is of no commit"
