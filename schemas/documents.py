"""What rests in MongoDB: one model per collection. `rev` is the compare-and-swap revision (0: never written)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.events import Entity, RecordId, TeamId, Version

TargetField = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
SourceField = Annotated[str, StringConstraints(pattern=r"^(Account\.)?[A-Za-z][A-Za-z0-9_]{0,79}$")]
"""A field of the record, or of a contact's account."""

TargetType = Literal["text", "number", "boolean", "date", "datetime"]
Preference = Literal["most_recent", "contact_over_lead", "keep_first"]
"""Which of several records fills a field: the one changed last, contacts before leads, the one created first."""


_assign = object.__setattr__


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, at a third of its cost: a document has no private attributes and takes no extra fields.
        Routing copies each one half a dozen times."""
        if deep:
            return super().model_copy(update=update, deep=True)
        changes = update or {}
        copied = object.__new__(type(self))
        _assign(copied, "__dict__", {**self.__dict__, **changes})
        _assign(copied, "__pydantic_fields_set__", self.__pydantic_fields_set__.union(changes))
        _assign(copied, "__pydantic_extra__", None)
        _assign(copied, "__pydantic_private__", None)
        return copied


# --- what a team sets up ---------------------------------------------------------------------------------------------


class Connection(Document):
    """A team's authorised Salesforce org. `secret` is ciphertext bound to the team, never the token itself."""

    team: TeamId
    rev: int = 0
    org_id: str
    instance_url: str
    login_url: str
    client_id: str
    grant: Literal["authorization_code", "client_credentials", "jwt_bearer"]
    secret: str
    access: str | None = None
    """The current access token, as ciphertext too: one is enough for all processes."""
    refresh_until_ms: int | None = None
    """Until then one process alone asks for a new access token, and the others wait for it."""
    state: Literal["active", "needs_reconnect", "parked", "disabled"] = "active"
    """Parked: too much of what its org sent was malformed."""
    detail: str | None = None
    connected_at_ms: int
    time_zone: str = "UTC"
    """Of the org, as IANA names it."""


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


class Edit(Document):
    """One edit of a team's set-up, and the version that it made."""

    version: int
    at_ms: int
    who: str
    what: str


class RuleSet(Document):
    """A team's rules, lists and mappings under one version: one document, so that a change of several is one write."""

    team: TeamId
    rev: int = 0
    version: int = 0
    """Counts the edits; what a record was evaluated under."""
    applied_version: int = 0
    """Every stored record has been evaluated under at least this version."""
    rules: tuple[Rule, ...] = ()
    lists: dict[str, ListDefinition] = {}
    mappings: dict[Entity, tuple[FieldMapping, ...]] = {}
    calendar: OrgCalendar = OrgCalendar()
    edit: Edit | None = None
    """The last one; it is in the audit log before the next one is made."""


class AuditEntry(Document):
    """An edit, for ever."""

    team: TeamId
    entry_id: str
    rev: int = 0
    at_ms: int
    who: str
    what: str


class Handwork(Document):
    """Members to put into a segment, or to take out, by hand."""

    keys: tuple[str, ...]
    put: bool
    who: str
    at_ms: int


class Segment(Document):
    team: TeamId
    segment_id: str
    rev: int = 0
    name: str
    kind: Literal["people", "accounts"]
    created_at_ms: int
    edits: int = 0
    edit: Edit | None = None
    """The last one; it is in the audit log before the next one is made."""
    deleted: bool = False
    handwork: Handwork | None = None
    """Begun and perhaps not finished; the next one on this segment finishes it first."""


# --- what the pipeline keeps -----------------------------------------------------------------------------------------


class Targets(Document):
    """The people and accounts a record may have contributed to: a superset, widened before they are written."""

    people: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


class Skip(Document):
    reason: Literal["no_email", "invalid_email", "no_website", "invalid_website", "not_in_any_list"]
    detail: str | None = None


class Reason(Document):
    """Why a member is in a segment."""

    rule_id: str
    list_id: str


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
    targets: Targets = Targets()
    imported: bool = False
    skip: Skip | None = None
    rule_set_version: int = 0
    held: tuple[Reason, ...] = ()
    """Why it was imported when it was last evaluated: what a rule that keeps whom it held goes by."""
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
    accounts_due: tuple[RecordId, ...] = ()
    """Accounts to evaluate again because this contact now follows or no longer follows them; empty once commanded."""


class Contribution(Document):
    """What one record says about a person or account. `rev` is the record's revision; a higher one replaces it.

    `gone` keeps the revision of a withdrawn contribution, so that a late writer cannot bring it back.
    """

    rev: int
    entity: Entity
    gone: bool = False
    version: Version | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    precedence: dict[str, int] = Field(default_factory=dict)
    """By field: the highest wins where records disagree, and between equals (0 if not named) the latest."""
    segments: dict[str, tuple[Reason, ...]] = Field(default_factory=dict)


class ByHand(Document):
    """Somebody put a member into a segment: it stays there until somebody takes it out, whatever rules say."""

    who: str
    at_ms: int


class Member(Document):
    """A person (key: normalized e-mail) or an account (key: registrable domain), folded from its contributions."""

    team: TeamId
    key: str
    rev: int = 0
    contributions: dict[RecordId, Contribution] = Field(default_factory=dict)
    by_hand: dict[str, ByHand] = Field(default_factory=dict)
    """By segment id."""
    alive: bool = False
    fields: dict[str, Any] = Field(default_factory=dict)
    segments: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    """The segments that `routing.memberships` has been told of; differs from `segments` where it may not know yet."""


class Engagement(Document):
    team: TeamId
    subject: Literal["person", "account"]
    key: str
    rev: int = 0
    score: float
    last_engagement_at_ms: int | None
    scored_at_ms: int


class Insight(Document):
    """The values last accepted by Salesforce for one record."""

    team: TeamId
    record_id: RecordId
    entity: Entity
    rev: int = 0
    score: float
    last_engagement_date: str | None
    """ISO date in UTC."""


LocalTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Switch(Document):
    """Whether an entity's insights are written back, and who said so."""

    on: bool = True
    changed_at_ms: int | None = None
    changed_by: str = ""


class InsightFields(Document):
    """Where an entity's insights are written to."""

    score: SourceField = "Engagement_Score__c"
    date: SourceField = "Last_Engagement_Date__c"


class WritebackSettings(Document):
    """How a team's insights are written back; a team without this document has the defaults."""

    team: TeamId
    rev: int = 0
    switches: dict[Entity, Switch] = {}
    at: LocalTime = "02:00"
    time_zone: str | None = None
    """IANA name; None: the org's own."""
    blackouts: tuple[tuple[LocalTime, LocalTime], ...] = ()
    dead_band: float = Field(0.0, ge=0)
    """A score that differs by no more from what Salesforce has is left alone."""
    fields: dict[Entity, InsightFields] = {}
    edit: Edit | None = None
    """The last one; it is in the audit log before the next one is made."""


class WritebackRun(Document):
    """One team's export of changed insights for one local date; claimed by creating it."""

    team: TeamId
    run_id: str
    rev: int = 0
    state: Literal["running", "done", "failed"] = "running"
    started_at_ms: int
    finished_at_ms: int | None = None
    jobs: dict[str, str] = {}
    """Bulk job id by entity, recorded before the upload."""
    planned: int = 0
    accepted: int = 0
    rejected: int = 0
    unprocessed: int = 0
    disabled: int = 0
    """Switched off while the run went on."""
    postponed: int = 0
    """Left for the next day, since the org's API allowance is used up."""
    kept: int = 0
    """Of an undo: changed by somebody since, and left alone."""
    undoes: str | None = None
    """The run whose values this one puts back."""
    detail: str | None = None


class WritebackRow(Document):
    team: TeamId
    run_id: str
    record_id: RecordId
    rev: int = 0
    entity: Entity
    score: float | None
    last_engagement_date: str | None
    outcome: Literal["planned", "accepted", "rejected", "unprocessed", "disabled", "postponed", "kept"] = "planned"
    error: str | None = None
    before_score: float | None = None
    before_date: str | None = None
    """What Salesforce had when the row was planned, as far as the mirror knows: what an undo puts back."""


class ReadRequest(Document):
    """What of an entity is to be read again: the records named, else what changed since a moment, else all."""

    entity: Entity
    since_ms: int | None = None
    ids: tuple[RecordId, ...] = ()
    list_id: str | None = None
    """The list to compare with the org."""
    living_only: bool = False
    """Of the records named, those that are deleted are passed over: their events tell."""
    dry_run: bool = False
    """Only count what would be read."""
    confirmed: bool = False
    """A person has agreed to what the job would not do by itself."""


class Job(Document):
    """A piece of long work with its progress, for people to look at.

    One with a `request` is work for the capture process that owns the team; `pending` and `running` are open.
    """

    team: TeamId
    job_id: str
    rev: int = 0
    kind: Literal["import", "replay", "backfill", "sweep", "reconcile", "list", "rules"]
    state: Literal["pending", "running", "needs_confirmation", "done", "failed"]
    request: ReadRequest | None = None
    done: int = 0
    total: int | None = None
    detail: str | None = None
    report: dict[str, int] = {}
    """What came of it, counted."""
    updated_at_ms: int
    finished_at_ms: int | None = None
    """Of a comparison of a list: when the last one ended."""


class ApiUsage(Document):
    """What all our processes asked of a team's org on one day (UTC), by kind of call; `events` are delivered events and
    `tokens` granted access tokens, neither of which counts as an API request.

    `allowed` and `remaining` are the org's daily API requests over the last 24 hours, as it told last.
    """

    team: TeamId
    day: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    rev: int = 0
    calls: dict[str, int] = {}
    allowed: int | None = None
    remaining: int | None = None
    updated_at_ms: int = 0


class CheckResult(Document):
    """One check of a connection: what is so, and what an administrator must do; see `workers.core.preflight`."""

    check: str
    outcome: Literal["ok", "warning", "failed", "unknown"]
    says: str
    remedy: str = ""
    entity: Entity | None = None


class ChannelState(Document):
    """Where the capture of one channel stands; see `workers.core.channel_status`."""

    state: str
    since_ms: int
    reason: str = ""
    polling: bool = False
    confirmed_ms: int | None = None
    lag_ms: int | None = None
    waiting: int = 0
    parked: int = 0
    reconnects: int = 0


class CaptureStatus(Document):
    """How the capture of a team is doing, as the worker that captures it last said."""

    team: TeamId
    rev: int = 0
    channels: dict[Entity, ChannelState] = {}
    updated_at_ms: int = 0
    checks: tuple[CheckResult, ...] = ()
    checked_at_ms: int | None = None
