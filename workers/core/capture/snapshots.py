"""Reading an entity by queries: their text, and the steps that progress takes.

pending -(query created)-> running -(page after page)-> done. A step is committed together with the rows it read, so
that after a crash the reading goes on with the first page that was not committed whole. Rows come in the order of Id:
when Salesforce has lost a query or its results, another one goes on after the last Id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from schemas.events import Entity, Position, Snapshot, Version
from workers.core.capture.positions import EVERYTHING_AGAIN, OVERLAP_MS, PENDING
from workers.core.lists.predicates import SILENT_FIELDS
from workers.core.normalize import OBJECTS, is_compound

ALL_RETAINED = "-2"
"""Salesforce's replay id for every event still retained."""

NOT_IN_BULK_QUERIES = frozenset({"address", "location", "base64", "complexvalue", "anyType"})
"""Field types that Bulk API 2.0 refuses in a query; what an address holds is in its plain fields."""

OF_LOOKING = frozenset({"IsUnreadByOwner"})
"""Fields that change when somebody looks; no document says that the record gets a new stamp."""

REST_QUERY_CHARACTERS = 12_000
"""A REST query travels in a URL of at most 16,384 bytes."""

RECYCLE_BIN_MS = 10 * 86_400_000
"""Deleted records stay in the recycle bin, and so in `queryAll`, for 15 days; five are left for the reading."""

T = TypeVar("T")


class Field(Protocol):
    """`workers.ports.FieldInfo`, as far as it is needed here."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def compound(self) -> bool: ...
    @property
    def calculated(self) -> bool: ...


# --- queries ---------------------------------------------------------------------------------------------------------


def readable(entity: Entity, fields: Iterable[Field]) -> dict[str, str]:
    """Type by name of the fields that a query can read."""
    return {
        f.name: f.type
        for f in fields
        if not (f.compound or f.type in NOT_IN_BULK_QUERIES or is_compound(entity, f.name))
    }


def stamped(fields: Iterable[Field]) -> frozenset[str]:
    """Fields that only change with a new stamp of their record, and with an event."""
    return frozenset(f.name for f in fields if not f.calculated and f.name not in SILENT_FIELDS | OF_LOOKING)


def selected(names: Iterable[str]) -> list[str]:
    """The fields with those that every reading needs."""
    return list(dict.fromkeys(["Id", "SystemModstamp", "IsDeleted", *names]))


def digest_of(names: Iterable[str]) -> str:
    return hashlib.sha256(",".join(sorted(names)).encode()).hexdigest()[:16]


def query_for(entity: Entity, names: Iterable[str], snapshot: Snapshot) -> str:
    """What of the reading is not committed yet, with these fields."""
    return f"SELECT {', '.join(selected(names))} FROM {_rest_of(entity, snapshot)} ORDER BY Id"  # noqa: S608


def count_of(entity: Entity, snapshot: Snapshot) -> str:
    return f"SELECT count() FROM {_rest_of(entity, snapshot)}"  # noqa: S608


def _rest_of(entity: Entity, snapshot: Snapshot) -> str:
    conditions = []
    if snapshot.since_ms is not None:
        conditions.append(f"SystemModstamp >= {instant(snapshot.since_ms)}")
    if snapshot.after_id is not None:
        conditions.append(f"Id > '{snapshot.after_id}'")
    return OBJECTS[entity] + (f" WHERE {' AND '.join(conditions)}" if conditions else "")


def with_deleted(snapshot: Snapshot) -> bool:
    """Whether its queries also look into the recycle bin. A whole reading need not: what it lacks is swept."""
    return snapshot.since_ms is not None


def instant(ms: int) -> str:
    """As SOQL writes it."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


# --- steps -----------------------------------------------------------------------------------------------------------


def begun(snapshot: Snapshot, now_ms: int, job_id: str | None, last_event: Version | None = None) -> Snapshot:
    """`job_id` None: read by REST, at once. `last_event` of the channel: whatever is read includes it."""
    return snapshot.model_copy(
        update={
            "state": "running",
            "job_id": job_id,
            "locator": None,
            "began_ms": snapshot.began_ms or now_ms,
            "floor": snapshot.floor or last_event,
        }
    )


def page_read(snapshot: Snapshot, ids: Sequence[str], next_locator: str | None) -> Snapshot:
    return snapshot.model_copy(
        update={
            "state": "done" if next_locator is None else "running",
            "locator": next_locator,
            "after_id": ids[-1] if ids else snapshot.after_id,
            "rows": snapshot.rows + len(ids),
        }
    )


# --- resuming a channel ----------------------------------------------------------------------------------------------


def resume_from(position: Position | None) -> str | None:
    """The replay id to subscribe after; `position` as committed, None: the channel was never captured.

    A channel captured before without a replay id (no event yet, or the id was refused) resumes with all that Salesforce
    retains (72 hours, CDC guide): a reading brings back what changed meanwhile, but of records that are gone from the
    recycle bin too only events tell.
    """
    if position is None:
        return None
    return position.replay_id or ALL_RETAINED


def owed_after_silence(position: Position, now_ms: int) -> Snapshot | int | None:
    """What a channel without a replay id must read again, because what its subscription begins with may not reach back
    to the last connection: since a moment, everything (a snapshot), or nothing (None).
    """
    snapshot = position.snapshot
    if position.replay_id is not None or snapshot.state == "pending":
        return None
    confirmed_ms = snapshot.began_ms if snapshot.state == "running" else position.confirmed_ms
    if confirmed_ms is None:
        return EVERYTHING_AGAIN if position.fields_digest else PENDING
    if now_ms - confirmed_ms > RECYCLE_BIN_MS:
        return EVERYTHING_AGAIN
    return confirmed_ms - OVERLAP_MS


def parts(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Slices of at most `size`; one empty slice when there are no rows, since the last slice carries the progress."""
    for start in range(0, max(len(rows), 1), size):
        yield rows[start : start + size]
