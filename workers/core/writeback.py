"""Which insight values go to which Salesforce records, and what became of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from schemas.documents import (
    Engagement,
    Insight,
    InsightFields,
    Member,
    Record,
    Switch,
    WritebackRow,
    WritebackSettings,
)
from schemas.events import Entity
from workers.core.normalize import OBJECTS
from workers.core.schedule import Schedule, blackouts_of

NULL_CELL = "#N/A"
"""Bulk API 2.0: an empty cell leaves the field as it is, this clears it (Bulk API 2.0 Developer Guide)."""

JOB_ROWS = 500_000
"""Rows of one ingest job: at about 50 bytes a row 25 MB, well below the 100 MB that 150 MB of base64 hold."""

LAST_DATE = "4000-12-31"
"""Salesforce stores dates from 1700-01-01 to 4000-12-31 (SOQL reference, date formats)."""


@dataclass(frozen=True, slots=True)
class Values:
    score: float
    last_engagement_date: str | None


def values_of(engagement: Engagement) -> Values:
    at_ms = engagement.last_engagement_at_ms
    date = None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
    return Values(engagement.score, date)


def storable(score: float, last_engagement_at_ms: int | None) -> str | None:
    """Why a score cannot be written to Salesforce, or None when it can."""
    if not math.isfinite(score) or abs(score) >= 1e16:
        return "the score is not a number of at most 16 digits before the point"
    if last_engagement_at_ms is None:
        return None
    try:
        date = datetime.fromtimestamp(last_engagement_at_ms / 1000, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return "the last engagement time is no date"
    return None if "1700-01-01" <= date <= LAST_DATE else "Salesforce stores dates from 1700 to 4000"


def newest(stored: Engagement | None, arrived: Engagement) -> Engagement:
    """The latest `scored_at_ms` wins; the same object as stored when it does."""
    if stored is None or arrived.scored_at_ms > stored.scored_at_ms:
        return arrived.model_copy(update={"rev": 0 if stored is None else stored.rev})
    return stored


def sources(subject: str, member: Member) -> list[tuple[Entity, str]]:
    """The Salesforce records behind a person (contacts and leads) or an account (account records only)."""
    return [
        (contribution.entity, record_id)
        for record_id, contribution in sorted(member.contributions.items())
        if not contribution.gone and (contribution.entity == "account") == (subject == "account")
    ]


def successor(lead: Record) -> tuple[Entity, str] | None:
    """Who takes the values of a lead: itself, its contact once it is converted, since Salesforce then lets nobody
    change it any more (error CANNOT_UPDATE_CONVERTED_LEAD); None while the contact is not known.
    """
    if lead.fields.get("IsConverted") is not True:
        return lead.entity, lead.record_id
    contact_id = lead.fields.get("ConvertedContactId")
    return ("contact", contact_id) if isinstance(contact_id, str) else None


def differs(values: Values, accepted: Insight | None, dead_band: float = 0.0) -> bool:
    """From what Salesforce last accepted; a score by more than the dead band."""
    if accepted is None or values.last_engagement_date != accepted.last_engagement_date:
        return True
    return abs(values.score - accepted.score) > dead_band


def cells(row: WritebackRow, fields: InsightFields) -> dict[str, str]:
    return {
        fields.score: NULL_CELL if row.score is None else repr(row.score),
        fields.date: row.last_engagement_date or NULL_CELL,
    }


def undone(row: WritebackRow, run_id: str, current: Mapping[str, object] | None, fields: InsightFields) -> WritebackRow:
    """The row that puts back what `row` replaced; one that is kept when somebody has changed the record since.

    `current`: what the org has now; None: no such record any more.
    """
    back = row.model_copy(
        update={
            "run_id": run_id,
            "rev": 0,
            "score": row.before_score,
            "last_engagement_date": row.before_date,
            "before_score": row.score,
            "before_date": row.last_engagement_date,
            "outcome": "planned",
        }
    )
    if current is None:
        return back.model_copy(update={"outcome": "kept", "error": "the record does not exist any more"})
    if not _same_score(current.get(fields.score), row.score) or current.get(fields.date) != row.last_engagement_date:
        return back.model_copy(update={"outcome": "kept", "error": "changed since by somebody else"})
    return back


def _same_score(current: object, written: float | None) -> bool:
    """Salesforce rounds to the digits of the field, two at least where we created it."""
    if not isinstance(current, int | float) or written is None:
        return current is None and written is None
    return math.isclose(current, written, rel_tol=1e-9, abs_tol=0.0051)


REMEDIES = {
    "UNABLE_TO_LOCK_ROW": "nothing: it is tried again the next day",
    "INSUFFICIENT_ACCESS_OR_READONLY": "give the connected user edit access to the record (sharing, or Modify All)",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "give the connected user access to the record's account or owner",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "exempt the connected user from the validation rule, or mend the record",
    "REQUIRED_FIELD_MISSING": "fill the required field of the record",
    "ENTITY_IS_DELETED": "nothing: the record is gone",
    "INVALID_CROSS_REFERENCE_KEY": "nothing: the record is gone",
    "NUMBER_OUTSIDE_VALID_RANGE": "give the score field more digits",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "mend the flow that runs when such records are saved",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "mend the trigger that runs when such records are saved",
    "STORAGE_LIMIT_EXCEEDED": "free storage in the org",
}


def remedy(error: str | None) -> str:
    """What to do about a rejected row, by Salesforce's code (`CODE:message:fields --`)."""
    code = (error or "").partition(":")[0].strip()
    return REMEDIES.get(code, "look the code up in Salesforce's documentation") if error else ""


def is_on(settings: WritebackSettings, entity: Entity) -> bool:
    return settings.switches.get(entity, Switch()).on


def fields_of(settings: WritebackSettings, entity: Entity) -> InsightFields:
    return settings.fields.get(entity, InsightFields())


def schedule_of(settings: WritebackSettings, org_time_zone: str) -> Schedule:
    return Schedule(
        time.fromisoformat(settings.at), settings.time_zone or org_time_zone, blackouts_of(settings.blackouts)
    )


SCORE_TYPES = frozenset({"double", "currency", "percent", "int"})
DATE_TYPES = frozenset({"date"})


def unfit(entity: Entity, fields: InsightFields, found: Mapping[str, tuple[str, bool]]) -> list[str]:
    """What keeps an entity's insights from being written, as sentences; `found`: type and updateable by field name."""
    name = OBJECTS[entity]
    problems = []
    for field, types in ((fields.score, SCORE_TYPES), (fields.date, DATE_TYPES)):
        if field not in found:
            problems.append(f"{name} has no field {field} that the connected user can see")
        elif found[field][0] not in types:
            problems.append(f"{name}.{field} is of type {found[field][0]}, not {' or '.join(sorted(types))}")
        elif not found[field][1]:
            problems.append(f"the connected user may not write {name}.{field}")
    return problems


def jobs_of(rows: Iterable[WritebackRow]) -> dict[str, list[WritebackRow]]:
    """Planned rows by job: per entity, ascending by record id, so that a resumed run forms the same jobs."""
    jobs: dict[str, list[WritebackRow]] = {}
    counts: dict[Entity, int] = {}
    for row in sorted(rows, key=lambda row: row.record_id):
        place = counts.get(row.entity, 0)
        counts[row.entity] = place + 1
        jobs.setdefault(f"{row.entity}-{place // JOB_ROWS}", []).append(row)
    return jobs


@dataclass(frozen=True, slots=True)
class Settled:
    rows: list[WritebackRow]
    unaccounted: int
    """Rows that were sent and stand in no result file, or results of rows that were never sent."""


def settle(
    sent: Sequence[WritebackRow],
    accepted: Iterable[str],
    rejected: Mapping[str, str],
    unprocessed: Iterable[str],
) -> Settled:
    """Give every sent row its outcome; what adds up to something else than was sent is counted, never dropped."""
    outcomes: dict[str, tuple[str, str | None]] = dict.fromkeys(unprocessed, ("unprocessed", None))
    outcomes |= {record_id: ("rejected", error) for record_id, error in rejected.items()}
    outcomes |= dict.fromkeys(accepted, ("accepted", None))
    rows = []
    for row in sent:
        outcome, error = outcomes.pop(row.record_id, ("planned", None))
        rows.append(row.model_copy(update={"outcome": outcome, "error": error}))
    missing = sum(row.outcome == "planned" for row in rows)
    return Settled(rows, missing + len(outcomes))
