"""Comparing what we say a list holds with what the org says: what to do about each difference."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from schemas.documents import ListDefinition, Record
from workers.core.capture.reconciling import IN_FLIGHT_MS
from workers.core.lists.queries import NoQuery, list_query
from workers.core.merge import latest_version

Remedy = Literal["none", "wait", "answer", "ask", "reread"]
"""`wait`: it is being evaluated; `answer`: tell routing what the org said; `ask`: it may have changed since, so ask
about the record itself; `reread`: we may have missed a change of it."""

EXAMPLES = 5
"""Records named in a log line or a report: enough to find the cause, few enough to read."""


def comparison_id(list_id: str) -> str:
    """Id of the job that compares the list."""
    return f"list-{list_id}"


def is_young(record: Record, at_ms: int) -> bool:
    """Whether its newest change may be missing from what was read of the org at that moment, or the other way round."""
    newest = latest_version(record)
    return newest is None or newest.commit_time_ms >= at_ms - IN_FLIGHT_MS


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that the org's answer and ours disagree about."""

    list_id: str
    listed: bool
    """Says the org."""
    by_org: bool
    """Only the org can evaluate the list."""
    read_at_ms: int
    """When the reading of the list began."""
    rule_set_version: int


def remedy(record: Record | None, found: Difference, now_ms: int) -> Remedy:
    """What to do about the record as it is stored now."""
    if record is None or not record.alive or record.full_version is None:
        return "reread" if found.listed else "none"
    if (found.list_id in record.in_lists) == found.listed:
        return "none"
    if found.by_org:
        return "ask" if is_young(record, found.read_at_ms) else "answer"
    waits_for_its_day = record.evaluate_at_ms is not None and record.evaluate_at_ms <= now_ms
    if record.rule_set_version != found.rule_set_version or waits_for_its_day or is_young(record, found.read_at_ms):
        return "wait"
    return "reread"


@dataclass(slots=True)
class Findings:
    """What a comparison found, counted."""

    rows: int = 0
    """What the org's list holds."""
    missing: int = 0
    """Of those, what ours ought to have held and did not: neither being evaluated nor for the org to tell."""
    extra: int = 0
    """What only ours held, and ought not to."""
    done: Counter[str] = field(default_factory=Counter)
    """`answered` (only the org could tell), `repaired` (a missed change), `unexplained` (we evaluate otherwise than the
    org), `waiting` (being evaluated)."""
    examples: list[str] = field(default_factory=list)
    """Of what is drift: repaired or unexplained."""

    @property
    def drifted(self) -> int:
        return self.done["repaired"] + self.done["unexplained"]

    def drift(self, kind: Literal["repaired", "unexplained"], record_id: str) -> None:
        self.done[kind] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(record_id)

    def report(self) -> dict[str, int]:
        return {"rows": self.rows, "missing": self.missing, "extra": self.extra, **self.done}


def same_meaning(known: ListDefinition, found: ListDefinition) -> bool:
    """Whether both hold the same records; columns and order may differ, and an older program kept no query."""
    same = all(getattr(known, name) == getattr(found, name) for name in ("where", "scope", "user_id"))
    return same and (not known.query or _conditions(known) == _conditions(found))


def _conditions(definition: ListDefinition) -> str:
    try:
        return list_query(definition.query).ids
    except NoQuery:
        return definition.query
