"""Who is not imported, and why; who is mended in Salesforce is no longer among them."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TextIO, get_args

from schemas.documents import Record, Skip
from schemas.events import Entity
from workers.core.cells import harmless
from workers.core.mapping import IDENTITY
from workers.ports import Refused, Store

REASONS: tuple[str, ...] = get_args(Skip.model_fields["reason"].annotation)
NOTHING_TO_MEND = frozenset({"not_in_any_list", "converted"})
COLUMNS = ("entity", "record_id", "name", "reason", "detail", "field", "value")


@dataclass(frozen=True, slots=True)
class Skipped:
    entity: Entity
    record_id: str
    name: str
    reason: str
    detail: str
    field: str
    """The field that is to be mended in Salesforce."""
    value: str


async def skips(store: Store, team: str, entity: Entity | None, reason: str | None) -> AsyncIterator[Skipped]:
    """By entity and reason, then by id; None: all of them. Raises Refused when there is no such reason."""
    if reason not in (None, *REASONS):
        raise Refused(f"--reason: nobody is skipped for “{reason}”; it is one of {', '.join(REASONS)}")
    for of, why in sorted(await store.record_queries.skipped(team)):
        if entity in (None, of) and reason in (None, why):
            async for record in store.record_queries.skipped_records(team, of, why):
                yield skip_of(record)


def skip_of(record: Record) -> Skipped:
    mendable = record.skip is not None and record.skip.reason not in NOTHING_TO_MEND
    field = IDENTITY[record.entity][0] if mendable else ""
    return Skipped(
        entity=record.entity,
        record_id=record.record_id,
        name=_name(record),
        reason=record.skip.reason if record.skip else "",
        detail=(record.skip.detail or "") if record.skip else "",
        field=field,
        value=str(record.fields.get(field) or ""),
    )


def _name(record: Record) -> str:
    parts = ("Name",) if record.entity == "account" else ("FirstName", "LastName")
    return " ".join(str(value) for part in parts if (value := record.fields.get(part)))


async def export(store: Store, team: str, entity: Entity | None, reason: str | None, to: TextIO) -> int:
    """As CSV; returns how many."""
    writer = csv.writer(to)
    writer.writerow(COLUMNS)
    number = 0
    async for each in skips(store, team, entity, reason):
        writer.writerow([harmless(str(getattr(each, column))) for column in COLUMNS])
        number += 1
    return number
