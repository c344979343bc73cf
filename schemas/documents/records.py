"""The private mirror of Salesforce records."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.documents.base import Document
from schemas.events import Entity, RecordId, Survivor, TeamId, Version


class Targets(Document):
    """The people and accounts a record may have contributed to: a superset, widened before they are written."""

    people: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


class Skip(Document):
    reason: Literal["no_email", "invalid_email", "no_website", "invalid_website", "not_in_any_list", "converted"]
    detail: str | None = None


class Reason(Document):
    """Why a member is in a segment."""

    rule_id: str
    list_id: str


class LastKnown(Document):
    """What a deleted record was known by: the e-mail address of a person, the website of an account."""

    value: str | None
    version: Version


class Record(Document):
    """The private mirror of one Salesforce record. A field's version is `field_versions[f]`, else `full_version`.

    One that is older than `full_version`: the full state could not read the field, which keeps its last known value.
    """

    team: TeamId
    record_id: RecordId
    entity: Entity
    rev: int = 0
    alive: bool = False
    fields: dict[str, Any] = Field(default_factory=dict)
    full_version: Version | None = None
    field_versions: dict[str, Version] = Field(default_factory=dict)
    ours: tuple[str, ...] = ()
    """Of the fields in `field_versions`, those whose last change we caused ourselves by writing insights back."""
    last_known: LastKnown | None = None
    """Of a deleted record."""
    survivor: Survivor | None = None
    """Of a deleted record; None: not known yet."""
    targets: Targets = Targets()
    imported: bool = False
    skip: Skip | None = None
    rule_set_version: int = 0
    held: tuple[Reason, ...] = ()
    """Why it was imported when it was last evaluated: what a rule that keeps whom it held goes by."""
    contributed: str | None = None
    """A fingerprint of what it was last evaluated to contribute, and to whom (`workers.core.fingerprint`)."""
    in_lists: tuple[str, ...] = ()
    """The lists in use that hold the record, as last evaluated."""
    answers: dict[str, bool] = Field(default_factory=dict)
    """By list id: whether the org itself says that the list holds the record. For lists that only the org can read."""
    answers_due: tuple[str, ...] = ()
    """Such lists that the org is to be asked about, since the record has changed; cleared by its answer."""
    evaluate_at_ms: int | None = None
    """When a relative date of some list may let the record enter or leave without being changed."""
    contacts_due: bool = False
    """Of an account: its contacts are to be evaluated again, since they see a change of it; cleared once commanded."""
    held_at_conversion: tuple[Reason, ...] = ()
    """Of a converted lead: why it was imported just before; its contact stands there in its place."""
    leads: tuple[RecordId, ...] = ()
    """Of a contact: the leads that were converted to it."""
    conversion_due: bool = False
    """The other side of a conversion is to be evaluated, since this one knows of it; cleared once commanded."""
    losers: tuple[RecordId, ...] = ()
    """Records that were told to be merged into this one, also by way of others; whether they still are, they tell."""
    survivors_due: tuple[RecordId, ...] = ()
    """Of a merged record: whom it is merged into, or was before, to be evaluated again; empty once commanded."""
    accounts_due: tuple[RecordId, ...] = ()
    """Accounts to evaluate again because this contact now follows or no longer follows them; empty once commanded."""
