"""Comparing the mirror with the org: which differences are changes that were missed."""

from __future__ import annotations

from collections.abc import Set

from schemas.documents import Record
from schemas.events import Change, Version
from workers.core.merge import latest_version, merge

SAMPLE_RECORDS = 1_000
"""Of each entity: five calls. Finds one missed change in 300 with a probability of 96 %, and every one of an entity
that has no more records."""

EVERY_MS = 7 * 86_400_000

IN_FLIGHT_MS = 10 * 60 * 1000
"""A change so young may still be on its way through the topics."""


def after_all_known(record: Record, change: Change) -> Change:
    """The state of a record that was read after the mirror had what it has of it: nothing of that is newer.

    A stamp does not say so by itself: it is a whole second, and set before the change is committed.
    """
    known = latest_version(record)
    if known is None or change.version > known:
        return change
    following = Version(known.commit_time_ms, known.commit_number, known.sequence_number + 1)
    return change.model_copy(update={"version": following})


def missed_fields(record: Record, change: Change, now_ms: int, stamped: Set[str]) -> frozenset[str]:
    """The fields in which the mirrored record lags behind what was read of it now; `IsDeleted` for its deletion.

    Under a stamp that the mirror has seen only those in `stamped` tell of a missed change (two of one second, of which
    one was missed, have the same stamp): Salesforce also recomputes fields without a new stamp and without an event.
    """
    stamp_ms, known = change.version.commit_time_ms, latest_version(record)
    known_ms = -1 if known is None else known.commit_time_ms
    if now_ms - max(stamp_ms, known_ms) < IN_FLIGHT_MS:
        return frozenset()
    if change.kind == "delete":
        return frozenset({"IsDeleted"}) if record.alive else frozenset()
    merged = merge(record, after_all_known(record, change))
    names = merged.fields.keys() | record.fields.keys()
    differing = frozenset(name for name in names if merged.fields.get(name) != record.fields.get(name))
    return differing if stamp_ms // 1000 > known_ms // 1000 else differing & stamped
