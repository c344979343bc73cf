"""Merging changes into the mirror of a record: per field, the last version wins.

The result is a function of the set of changes alone: not of their order, and not of how often each one came.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from schemas.documents import Record
from schemas.events import Change, Reevaluation, Version
from workers.core.origin import by_us
from workers.core.survivors import with_fate

BEFORE_ALL = Version(-1, -1, -1)


def blank(about: Change | Reevaluation) -> Record:
    """The record before its first change."""
    return Record(team=about.team, record_id=about.record_id, entity=about.entity)


def latest_version(record: Record) -> Version | None:
    """The newest version that has left a trace in the record; None for a blank one."""
    return max(_versions(record), default=None)


def changed_by_others(record: Record) -> Version | None:
    """The same, without the fields that we changed ourselves: writing scores back must not make a record the one that
    was changed last."""
    if not record.ours:
        return latest_version(record)
    versions = (version for name, version in record.field_versions.items() if name not in record.ours)
    return max((*versions, record.full_version or BEFORE_ALL))


def merge(record: Record, change: Change) -> Record:
    """The record with the change applied; the same object when the change tells nothing new.

    A delete is a full state too, an empty one: whatever is older stays away, and an update that is newer waits,
    unseen, for the undelete that it proves. Raises ValueError when the change is about another record.
    """
    if (record.team, record.record_id, record.entity) != (change.team, change.record_id, change.entity):
        raise ValueError(f"a change of {change.record_id} cannot be merged into {record.record_id}")
    after = _merge_delta(record, change) if change.kind == "update" else _merge_full(record, change)
    return with_fate(record, after, change)


def _versions(record: Record) -> Iterator[Version]:
    if record.full_version is not None:
        yield record.full_version
    yield from record.field_versions.values()


def _merge_delta(record: Record, change: Change) -> Record:
    """A full state of the same version wins: it was read after the event, or is the same event."""
    newer = {name: value for name, value in change.fields.items() if _is_newer(record, change.version, name, value)}
    if not newer:
        return record if record.alive or record.full_version is not None else record.model_copy(update={"alive": True})
    return record.model_copy(
        update={
            # Without a full state the update itself is the proof of life; a delete is only undone by a full state.
            "alive": record.alive or record.full_version is None,
            "fields": _with(record.fields, newer),
            "field_versions": {**record.field_versions, **dict.fromkeys(newer, change.version)},
            "ours": _ours(record, newer, by_us(change)),
        }
    )


def _ours(record: Record, changed: Collection[str], by_us: bool) -> tuple[str, ...]:
    if not (by_us or record.ours):
        return ()
    others = set(record.ours) - set(changed)
    return tuple(sorted(others | set(changed) if by_us else others))


def _is_newer(record: Record, version: Version, name: str, value: object) -> bool:
    known = record.field_versions.get(name)
    if known is None:
        return record.full_version is None or version > record.full_version
    return version > known or (version == known and _prevails(value, record.fields.get(name)))


def _merge_full(record: Record, change: Change) -> Record:
    if record.full_version is not None and change.version < record.full_version:
        return _filled(record, change)
    alive, base = change.kind != "delete", _without_nulls(change.fields) if change.kind != "delete" else {}
    unread = _unread(record, change)
    if change.version == record.full_version:
        alive, base = _join(record, alive, base)
        unread = unread if alive else {}
    newer = {name: version for name, version in record.field_versions.items() if version > change.version} | unread
    fields = {name: value for name, value in base.items() if name not in newer}
    fields.update((name, record.fields[name]) for name in newer if name in record.fields)
    after = {
        "alive": alive,
        "fields": fields,
        "full_version": change.version,
        "field_versions": newer,
        "ours": tuple(name for name in record.ours if name in newer),
    }
    if all(getattr(record, name) == value for name, value in after.items()):
        return record
    return record.model_copy(update=after)


def _unread(record: Record, change: Change) -> dict[str, Version]:
    """Of the fields that a full state could not read, since when each is as it is known: before the full state."""
    if not change.unread:
        return {}
    full = record.full_version or BEFORE_ALL
    known = {name: record.field_versions.get(name, full) for name in change.unread}
    return {name: version for name, version in known.items() if version < change.version}


def _filled(record: Record, change: Change) -> Record:
    """The record with what an older full state tells of fields that the newer one could not read."""
    told = {
        name: change.fields.get(name)
        for name, version in record.field_versions.items()
        if version <= change.version
        and name not in change.unread
        and (version < change.version or _prevails(change.fields.get(name), record.fields.get(name)))
    }
    if not told:
        return record
    return record.model_copy(
        update={
            "fields": _with(record.fields, told),
            "field_versions": {**record.field_versions, **dict.fromkeys(told, change.version)},
            "ours": _ours(record, told, by_us=False),
        }
    )


def _join(record: Record, alive: bool, fields: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Two full states of one version: a delete prevails, else every field that either of them knows.

    They occur: SystemModstamp, the version of a snapshot row, does not move when a field is added to the mirror or when
    Salesforce recomputes a formula.
    """
    if not (alive and record.alive):
        return False, {}
    known = {name: value for name, value in record.fields.items() if name not in record.field_versions}
    prevailing = {name: value for name, value in fields.items() if _prevails(value, known.get(name))}
    return True, {**known, **prevailing}


def _prevails(value: object, known: object) -> bool:
    """An arbitrary but total order of the values of one version, so that the order of arrival cannot matter."""
    if value is None or value == known:
        return False
    return known is None or _rank(value) > _rank(known)


def _rank(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _with(fields: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    """Of a record, which holds no nulls, with newer values, which may."""
    after = {**fields, **newer}
    for name, value in newer.items():
        if value is None:
            del after[name]
    return after


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
