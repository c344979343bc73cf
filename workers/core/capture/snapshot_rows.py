"""Rows of a query as changes that carry the full state of their records.

Both Bulk results (text) and REST results (JSON) come in here; what leaves has the values that an event would carry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from schemas.events import Change, Entity, Parked, Survivor, Version
from workers.core.normalize import (
    LARGEST,
    NEVER_IN_EVENTS,
    NUMBER_TYPES,
    MalformedValue,
    finite,
    is_compound,
    long_id,
    parked_payload,
    plain_text,
)
from workers.core.survivors import MASTER, NOT_MERGED

Convert: TypeAlias = Callable[[Any], Any]
Columns: TypeAlias = tuple[tuple[str, Convert], ...]


def snapshot_changes(
    team: str,
    entity: Entity,
    rows: Iterable[Mapping[str, Any]],
    types: Mapping[str, str],
    now_ms: int,
    topic: str,
    at_least: Mapping[str, Version] = MappingProxyType({}),
    floor: Version | None = None,
    used: frozenset[str] = frozenset(),
) -> tuple[list[Change], list[Parked]]:
    """Rows as changes, those of the recycle bin as deletions; what can be neither, parked.

    `at_least`, by record id: the version of the event that made the record be read again. `floor`: of the last event
    of the channel before the query, which the rows include. Stamps are whole seconds: without it a row would lose
    against an earlier change of the same second. `used`: fields that lists and mappings read; of those that a row has
    not, because the connected user may not read them, nothing is said.
    """
    columns = _columns(entity, types)
    changes: list[Change] = []
    parked: list[Parked] = []
    for row in rows:
        try:
            change = _change(team, entity, row, columns, now_ms, at_least.get(str(row.get("Id"))), floor)
            changes.append(_with_unread(change, row, types, used) if used else change)
        except ValueError as error:
            text = json.dumps(row, default=str)
            parked.append(parked_payload(team, topic, "malformed", str(error), text, now_ms, None))
    return changes, parked


def _with_unread(change: Change, row: Mapping[str, Any], types: Mapping[str, str], used: frozenset[str]) -> Change:
    if change.kind == "delete" or not (unread := [name for name in used if name not in types or name not in row]):
        return change
    return change.model_copy(update={"unread": tuple(sorted(unread))})


def is_deleted(row: Mapping[str, Any]) -> bool:
    return str(row.get("IsDeleted")).lower() == "true"


def _change(
    team: str,
    entity: Entity,
    row: Mapping[str, Any],
    columns: Columns,
    now_ms: int,
    at_least: Version | None,
    floor: Version | None,
) -> Change:
    """Its version is the record's SystemModstamp, which Salesforce sets before it commits: of a snapshot and a change
    of the same moment the change wins.

    Raises ValueError for a row without a usable Id or SystemModstamp, or with an unusable value.
    """
    modified = Version(_instant_ms(row.get("SystemModstamp")), 0, 0)
    if is_deleted(row):
        deletion = _made(team, entity, row, "delete", at_least or _last_of_its_moment(modified), {}, now_ms)
        return deletion.model_copy(update={"survivor": _survivor(row)})
    least = at_least or _including(floor, modified)
    return _made(team, entity, row, "snapshot", max(modified, least), _fields(row, columns), now_ms)


def _including(floor: Version | None, modified: Version) -> Version:
    """As late as a state of this stamp can be that was read after the floor.

    A second in which nothing more can commit is over for the record too. A floor in a later second must not raise the
    stamp's: an org's clock may have been set back.
    """
    stamped, reached = modified.commit_time_ms // 1000, floor.commit_time_ms // 1000 if floor else 0
    if floor is None or stamped > reached:
        return modified
    return floor if stamped == reached else _last_of_its_moment(modified)


def _made(
    team: str,
    entity: Entity,
    row: Mapping[str, Any],
    kind: Literal["delete", "snapshot"],
    version: Version,
    fields: dict[str, Any],
    now_ms: int,
) -> Change:
    """Not validated again, which would take as long as all the rest: every part has just been made."""
    return Change.model_construct(
        team=team,
        entity=entity,
        record_id=long_id(str(row.get("Id"))),
        kind=kind,
        version=version,
        fields=fields,
        captured_at_ms=now_ms,
    )


def _survivor(row: Mapping[str, Any]) -> Survivor | None:
    """None: the row does not tell."""
    if MASTER not in row:
        return None
    return long_id(str(row[MASTER])) if row[MASTER] else NOT_MERGED


def _fields(row: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """Without the empty ones, most of a row: in a full state a field that is absent is empty."""
    return {name: convert(value) for name, convert in columns if (value := row.get(name)) is not None and value != ""}


def _last_of_its_moment(version: Version) -> Version:
    """Stamps are whole seconds. Whoever reads a record as deleted read it after all that happened in that second."""
    return Version(version.commit_time_ms // 1000 * 1000 + 999, LARGEST, 0)


def _columns(entity: Entity, types: Mapping[str, str]) -> Columns:
    return tuple(
        (name, _converter(field_type))
        for name, field_type in types.items()
        if name not in NEVER_IN_EVENTS and not is_compound(entity, name)
    )


def _converter(field_type: str) -> Convert:
    """From text or a JSON value; raises ValueError."""
    if field_type in NUMBER_TYPES:
        return finite
    return {"boolean": _boolean, "datetime": _datetime}.get(field_type, _text)


def _boolean(value: object) -> bool:
    return str(value).lower() == "true"


def _datetime(value: object) -> str:
    return str(value).replace("+0000", "Z")


def _text(value: object) -> object:
    return plain_text(value) if isinstance(value, str) else value


def _instant_ms(value: object) -> int:
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        raise MalformedValue(f"SystemModstamp {value!r}") from None
    if instant.tzinfo is None:
        raise MalformedValue(f"SystemModstamp {value!r} without a time zone")
    return round(instant.timestamp() * 1000)
