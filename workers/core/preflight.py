"""Can this connection do its job? What was observed of the org, and what an administrator must do about it.

Sources: Change Data Capture guide ("Required Permissions", "Select Objects"), REST API guide ("Limits"), Tooling API
(`PlatformEventChannelMember`), and the wire facts of the project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.events import ENTITIES, Entity
from workers.core.budget import Allowance
from workers.core.normalize import OBJECTS

Outcome = Literal["ok", "warning", "failed", "unknown"]
"""`unknown`: the connected user may not look at what would tell; not a failure."""

LOW_SHARE = 0.1
"""Of a daily allowance: below it somebody should look before it is used up."""

READ_BY_DEFAULT: Mapping[Entity, frozenset[str]] = {
    "contact": frozenset({"Email", "AccountId"}),
    "lead": frozenset({"Email", "Website", "Company"}),
    "account": frozenset({"Name", "Website"}),
}
"""What identifies people and accounts (help page: Email and Domain are mapped by default)."""


@dataclass(frozen=True, slots=True)
class ObjectAccess:
    """Permissions of the connected user on an object, from all his permission sets together."""

    read: bool
    view_all: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """What the org told; None wherever the connected user may not know."""

    refused: str | None = None
    """Why the first call of the API was refused; nothing else is known then."""
    allowances: Mapping[str, Allowance] | None = None
    selected: frozenset[str] | None = None
    """Objects with Change Data Capture (`Contact`, ...)."""
    access: Mapping[Entity, ObjectAccess] | None = None
    readable: Mapping[Entity, frozenset[str] | None] = field(default_factory=dict)
    """Names of the fields that `describe` shows; None: the object cannot be read at all."""
    needed: Mapping[Entity, frozenset[str]] = field(default_factory=dict)
    """Fields that the team's mappings and lists use beyond the default ones."""
    lists: Mapping[Entity, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """`says` states what is so; `remedy`, for whoever administers the org, what to do. Empty when nothing is wrong."""

    check: str
    outcome: Outcome
    says: str
    remedy: str = ""
    entity: Entity | None = None


def findings(observed: Observed) -> list[Finding]:
    """All checks, also those that are fine, in the order in which to act."""
    if observed.refused is not None:
        return [Finding("api", "failed", f"Salesforce refuses the API: {observed.refused}", API_REMEDY)]
    found = [Finding("api", "ok", "the API answers")]
    for entity in ENTITIES:
        found += [_selection(observed, entity), _view_all(observed, entity), _fields(observed, entity)]
        found.append(_lists(observed, entity))
    return [*found, *_allowances(observed.allowances)]


API_REMEDY = (
    "Give the connected user the permission 'API Enabled' and check that the edition includes the API, "
    "then reconnect the team"
)


def _selection(observed: Observed, entity: Entity) -> Finding:
    name = OBJECTS[entity]
    if observed.selected is None:
        return Finding(
            "change data capture",
            "unknown",
            f"the connected user may not see whether {name} is selected for Change Data Capture",
            "Give the connected user 'View Setup and Configuration' to have this checked",
            entity,
        )
    if name in observed.selected:
        return Finding("change data capture", "ok", f"{name} is selected for Change Data Capture", entity=entity)
    return Finding(
        "change data capture",
        "failed",
        f"{name} is not selected for Change Data Capture: its changes are polled instead of streamed",
        f"In Setup, open Change Data Capture, move {name} to Selected Entities and save",
        entity,
    )


def _view_all(observed: Observed, entity: Entity) -> Finding:
    name = OBJECTS[entity]
    if observed.access is None:
        return Finding(
            "view all",
            "unknown",
            f"the connected user may not see his permissions on {name}",
            "Give the connected user 'View Setup and Configuration' to have this checked",
            entity,
        )
    access = observed.access.get(entity, ObjectAccess(read=False, view_all=False))
    if access.view_all:
        return Finding("view all", "ok", f"the connected user sees every {name}", entity=entity)
    return Finding(
        "view all",
        "failed",
        f"the connected user has no 'View All Records' on {name}: Salesforce sends no change events, and records that "
        "are not shared with the user stay invisible",
        f"In a permission set of the connected user, open Object Settings, {name}, and enable View All Records",
        entity,
    )


def _fields(observed: Observed, entity: Entity) -> Finding:
    name = OBJECTS[entity]
    readable = observed.readable.get(entity)
    if readable is None:
        return Finding(
            "fields",
            "failed",
            f"the connected user cannot read {name}",
            f"In a permission set of the connected user, open Object Settings, {name}, and enable Read",
            entity,
        )
    wanted = READ_BY_DEFAULT[entity] | observed.needed.get(entity, frozenset())
    if not (missing := sorted(wanted - readable)):
        return Finding("fields", "ok", f"every field of {name} that is used can be read", entity=entity)
    return Finding(
        "fields",
        "failed",
        f"the connected user cannot read {', '.join(f'{name}.{field}' for field in missing)}",
        f"In a permission set of the connected user, open Object Settings, {name}, and enable Read Access for "
        f"{', '.join(missing)}; the last known values are kept until then",
        entity,
    )


def _lists(observed: Observed, entity: Entity) -> Finding:
    name, number = OBJECTS[entity], observed.lists.get(entity, 0)
    if number:
        return Finding("lists", "ok", f"{number} lists of {name} can be chosen", entity=entity)
    return Finding(
        "lists",
        "warning",
        f"the connected user sees no list of {name}",
        "In Salesforce, share the list views with all users or with a group of the connected user",
        entity,
    )


CONSEQUENCES = {
    "DailyApiRequests": ("API requests", "imports and polling pause until requests of the last 24 hours expire"),
    "DailyDeliveredPlatformEvents": ("delivered change events", "changes are polled until the limit frees up"),
    "DailyBulkV2QueryJobs": ("Bulk query jobs", "large imports wait until jobs of the last 24 hours expire"),
    "DailyBulkApiBatches": ("Bulk batches", "scores are written back the next day"),
}


def _allowances(allowances: Mapping[str, Allowance] | None) -> Iterator[Finding]:
    if allowances is None:
        yield Finding(
            "limits",
            "unknown",
            "the connected user may not see the org's limits",
            "Give the connected user 'View Setup and Configuration' to have them watched",
        )
        return
    for key, (what, consequence) in CONSEQUENCES.items():
        if key in allowances:
            yield _allowance(allowances[key], what, consequence)


def _allowance(allowance: Allowance, what: str, consequence: str) -> Finding:
    left = f"{max(0, allowance.remaining):,} of {allowance.allowed:,} {what} are left today"
    if allowance.share_left >= LOW_SHARE:
        return Finding("limits", "ok", left)
    outcome: Outcome = "failed" if allowance.remaining <= 0 else "warning"
    return Finding("limits", outcome, f"{left}; without them {consequence}", "Find out what uses them, or buy more")
