"""What became of deleted records: a merge deletes the losers, and only Salesforce's recycle bin names the survivor.

A loser knows its survivor (`Record.survivor`), a survivor has been told of its losers (`Record.losers`), also of those
that came by way of others. Whether a loser still belongs to it, the loser says: who is undeleted is a record of its own
again. See decision 0005.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.documents import LastKnown, Record
from schemas.events import Change, Entity, RecordId, Reevaluation, Survivor, Version
from workers.core.identity import account_key, person_key

NOT_MERGED: Survivor = "none"

MASTER = "MasterRecordId"
"""What rows of the recycle bin tell; of deletions without a merge it is empty."""

IDENTIFYING: Mapping[Entity, str] = {"contact": "Email", "lead": "Email", "account": "Website"}


def survivor_of(record: Record) -> RecordId | None:
    """Whom the record was merged into; None also while that is not known."""
    return None if record.survivor == NOT_MERGED else record.survivor


def known_as(record: Record) -> str | None:
    """The person or account that a deleted record was."""
    return None if record.last_known is None else key_of(record.entity, record.last_known.value)


def key_of(entity: Entity, value: str | None) -> str | None:
    key = (account_key if entity == "account" else person_key)(value)
    return key if isinstance(key, str) else None


def is_unasked(record: Record) -> bool:
    """Whether the org is to be asked what became of a deleted record: something of it could go over to a survivor."""
    if record.alive or record.full_version is None or record.survivor is not None:
        return False
    return bool(record.leads or record.losers or known_as(record))


def with_fate(before: Record, after: Record, change: Change) -> Record:
    """The record that `change` made of `before`, with what it tells of a deleted one. Forgotten once it is undeleted.

    A function of the set of changes, as the rest of the record: the survivor is as of the deletion that counts, and of
    what the record was known by, the newest.
    """
    if after.alive or after.full_version is None:
        survivor, last_known = None, None
    else:
        same = before.full_version == after.full_version
        told = change.survivor if change.kind == "delete" and change.version == after.full_version else None
        survivor = _surer(before.survivor if same else None, told)
        last_known = _newest((before.last_known, _known_of(before), _told_by(change)))
    if (survivor, last_known) == (after.survivor, after.last_known):
        return after
    return after.model_copy(update={"survivor": survivor, "last_known": last_known})


def _surer(one: Survivor | None, other: Survivor | None) -> Survivor | None:
    """Who asks after the record was purged is not told what was told before."""
    known = [each for each in (one, other) if each is not None]
    return max(known, key=lambda each: (each != NOT_MERGED, each), default=None)


def _known_of(record: Record) -> LastKnown | None:
    name = IDENTIFYING[record.entity]
    version = record.field_versions.get(name, record.full_version if record.alive else None)
    return None if version is None else _last_known(record.fields.get(name), version)


def _told_by(change: Change) -> LastKnown | None:
    name = IDENTIFYING[change.entity]
    tells = name in change.fields if change.kind == "update" else change.kind != "delete" and name not in change.unread
    return _last_known(change.fields.get(name), change.version) if tells else None


def _last_known(value: object, version: Version) -> LastKnown:
    return LastKnown(value=value if isinstance(value, str) else None, version=version)


def _newest(known: Iterable[LastKnown | None]) -> LastKnown | None:
    return max(filter(None, known), key=lambda each: (each.version, each.value or ""), default=None)


def with_survivor(record: Record, survivor: Survivor, now_ms: int) -> Change:
    """The deletion that counts, once more, with what the org told of it."""
    assert record.full_version is not None
    return Change(
        team=record.team,
        entity=record.entity,
        record_id=record.record_id,
        kind="delete",
        version=record.full_version,
        survivor=survivor,
        captured_at_ms=now_ms,
    )


def told_of(record: Record, command: Reevaluation) -> Record:
    """The record with the losers that the command tells of; the same object when it knows them."""
    if set(command.losers) <= {*record.losers, record.record_id}:
        return record
    losers = {*record.losers, *command.losers} - {record.record_id}
    return record.model_copy(update={"losers": tuple(sorted(losers))})


def folded(record: Record, losers: Iterable[Record]) -> list[Record]:
    """Those of the losers that are merged into the record, be it by way of each other."""
    into = {each.record_id: survivor_of(each) for each in losers}
    return [each for each in losers if end_of(into, each.record_id) == record.record_id]


def end_of(into: Mapping[RecordId, RecordId | None], record_id: RecordId) -> RecordId | None:
    """The last of those that a record was merged into; itself when it was not. None of a circle, which what arrives out
    of order may show for a moment."""
    seen: set[RecordId] = set()
    while (survivor := into.get(record_id)) is not None:
        if record_id in seen:
            return None
        seen.add(record_id)
        record_id = survivor
    return record_id


def survivors_due(before: Record | None, after: Record, told: Iterable[Reevaluation]) -> tuple[RecordId, ...]:
    """Whom to tell of the record: its survivor, old and new, when that changes. What it is told itself it passes on,
    but not to whom that came from: a circle would be told for ever."""
    was, now = survivor_of(before) if before is not None else None, survivor_of(after)
    due = set(after.survivors_due)
    if was != now:
        due |= {each for each in (was, now) if each is not None}
    elif now is not None and any(now not in each.losers for each in told if each.leads or each.losers):
        due.add(now)
    return tuple(sorted(due))


def survivor_commands(record: Record) -> list[Reevaluation]:
    return [
        Reevaluation(
            team=record.team,
            entity=record.entity,
            record_id=each,
            reason="merge",
            losers=tuple(loser for loser in (record.record_id, *record.losers) if loser != each),
        )
        for each in record.survivors_due
    ]
