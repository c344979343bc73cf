"""Reading what an entity already holds: the query, and the steps that its progress takes.

pending -(query job created)-> running -(page after page)-> done. A step is committed together with the rows it read,
so that after a crash the import goes on with the first page that was not committed whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from schemas.events import Entity, Position, Snapshot
from workers.core.normalize import OBJECTS, is_compound

ALL_RETAINED = "-2"
"""Salesforce's replay id for every event still retained."""

NOT_IN_BULK_QUERIES = frozenset({"address", "location", "base64", "complexvalue", "anyType"})
"""Field types that Bulk API 2.0 refuses in a query; what an address holds is in its plain fields."""

T = TypeVar("T")


class Field(Protocol):
    """`workers.ports.FieldInfo`, as far as it is needed here."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def compound(self) -> bool: ...


def readable(entity: Entity, fields: Iterable[Field]) -> dict[str, str]:
    """Type by name of the fields that a query can read."""
    return {
        f.name: f.type
        for f in fields
        if not (f.compound or f.type in NOT_IN_BULK_QUERIES or is_compound(entity, f.name))
    }


def query_for(entity: Entity, fields: Iterable[Field]) -> str:
    """Every living record with every field that can be read."""
    names = dict.fromkeys(["Id", "SystemModstamp", *readable(entity, fields)])
    return f"SELECT {', '.join(names)} FROM {OBJECTS[entity]} ORDER BY Id"  # noqa: S608 - names from the org's describe


def started(job_id: str) -> Snapshot:
    return Snapshot(state="running", job_id=job_id)


def page_read(snapshot: Snapshot, rows: int, next_locator: str | None) -> Snapshot:
    return snapshot.model_copy(
        update={
            "state": "done" if next_locator is None else "running",
            "locator": next_locator,
            "rows": snapshot.rows + rows,
        }
    )


def resume_from(position: Position | None) -> str | None:
    """The replay id to subscribe after; `position` as committed, None: the channel was never captured.

    A channel captured before without a replay id (no event yet, or the id was refused) resumes with all that Salesforce
    retains (72 hours, CDC guide): a snapshot brings back what changed meanwhile, but only events tell of deletions.
    """
    if position is None:
        return None
    return position.replay_id or ALL_RETAINED


def must_restart(position: Position) -> bool:
    """Whether what was read before no longer covers what the stream will bring.

    Without a replay id the subscription begins with what Salesforce still retains, and whether that reaches back to the
    last connection is unknown. (Also true of a channel that has been silent since it was first subscribed: it is read
    again at every reconnection. Correct, and cheap as long as such entities are rarely changed because they are small.)
    """
    return position.replay_id is None and position.snapshot.state != "pending"


def parts(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Slices of at most `size`; one empty slice when there are no rows, since the last slice carries the progress."""
    for start in range(0, max(len(rows), 1), size):
        yield rows[start : start + size]
