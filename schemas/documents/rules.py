"""A team's rules, the lists they name, and its field mappings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.documents.audit import Edit
from schemas.documents.base import Document
from schemas.events import Entity, TeamId

TargetField = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
SourceField = Annotated[str, StringConstraints(pattern=r"^(Account\.)?[A-Za-z][A-Za-z0-9_]{0,79}$")]
"""A field of the record, or of a contact's account."""

TargetType = Literal["text", "number", "boolean", "date", "datetime"]
Preference = Literal["most_recent", "contact_over_lead", "keep_first"]
"""Which of several records fills a field: the one changed last, contacts before leads, the one created first."""


class Destination(Document):
    """`only` is People Only / Account Only; otherwise the segment that the lists feed."""

    kind: Literal["only", "segment"]
    segment_id: str | None = None


class Rule(Document):
    """Who is in one of the lists is imported, and put into the segment that the destination names, if any."""

    rule_id: str
    entity: Entity
    list_ids: tuple[str, ...]
    destination: Destination
    active: bool = True
    on_leave: Literal["remove", "keep"] = "remove"
    """What becomes of somebody whom no list of the rule holds any more."""
    retains: bool = False
    """De-activated, but whom it held stays where it put them."""
    edits: int = 0
    """How often it was changed: who edits what he saw before somebody else's change is told so."""
    created_at_ms: int
    created_by: str = ""
    changed_at_ms: int | None = None
    changed_by: str = ""


class ListDefinition(Document):
    """A Salesforce list view as its describe result tells it; `where` is the raw `whereCondition`."""

    list_id: str
    entity: Entity
    label: str
    scope: str
    where: dict[str, Any]
    query: str = ""
    """The org's own SOQL of the list."""
    user_id: str | None = None
    """The connected user, whose records the scope `mine` shows."""
    several_currencies: bool = False
    """Amounts carry a currency, and only the org knows the rates."""
    labelled: tuple[str, ...] = ()
    """Picklists whose labels differ from their values: Salesforce looks for a pattern in the label."""
    currencies: tuple[str, ...] = ()
    """Fields of the filter that hold such amounts: a number without a currency is in the user's (SOQL reference)."""
    calculated: tuple[str, ...] = ()
    """Fields of the filter that Salesforce computes: they change without an event."""
    fetched_at_ms: int
    trouble: str = ""
    """Why Salesforce does not tell any more what the list holds; until it does, everybody stays in or out of it."""
    distrust: str = ""
    """How the org's answer was found to differ from ours: from then on the org is asked."""


class FieldMapping(Document):
    """What fills a field of a person or account: the first source that is not empty, else the constant."""

    source: SourceField | None = None
    target: TargetField
    fallbacks: tuple[SourceField, ...] = ()
    """Read in turn where `source` is empty."""
    constant: str | bool | int | float | None = None
    type: TargetType | None = None
    """What the field holds; None: whatever the source does."""
    prefer: Preference = "most_recent"

    @property
    def sources(self) -> tuple[str, ...]:
        return self.fallbacks if self.source is None else (self.source, *self.fallbacks)


class OrgCalendar(Document):
    """How the org counts days, for relative dates; see `workers.core.lists.days.Calendar`."""

    time_zone: str = "UTC"
    week_starts: int = Field(6, ge=0, le=6)
    fiscal_year_starts: int = Field(1, ge=1, le=12)


class RuleSet(Document):
    """A team's rules, lists and mappings under one version: one document, so that a change of several is one write."""

    team: TeamId
    rev: int = 0
    version: int = 0
    """Counts the edits; what a record was evaluated under."""
    applied_version: int = 0
    """Every stored record has been evaluated under at least this version."""
    rules: tuple[Rule, ...] = ()
    lists: dict[str, ListDefinition] = Field(default_factory=dict)
    mappings: dict[Entity, tuple[FieldMapping, ...]] = Field(default_factory=dict)
    calendar: OrgCalendar = OrgCalendar()
    edit: Edit | None = None
    """The last one; it is in the audit log before the next one is made."""
