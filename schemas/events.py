"""What travels on the topics: one pydantic model per topic, JSON on the wire.

Every model ignores keys it does not know, so that a producer may be one version ahead of its consumers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Entity = Literal["contact", "lead", "account"]
ENTITIES: tuple[Entity, ...] = ("contact", "lead", "account")

TeamId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
RecordId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{18}$")]
Survivor: TypeAlias = RecordId | Literal["none"]
"""Of a deleted record: the one that it was merged into, or that it was not merged."""


class Version(NamedTuple):
    """Total order of the changes of one record; a Kafka offset is no version, since topics can be rebuilt."""

    commit_time_ms: int
    commit_number: int
    sequence_number: int


class Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Origin(Event):
    """Who caused a change, parsed from `changeOrigin` (`com/salesforce/api/rest/62.0;client=Astro`)."""

    raw: str = ""
    client: str | None = None


class Change(Event):
    """One normalized change of one record.

    `create`, `undelete` and `snapshot` carry the full state (a field that is absent is empty), `update` only what
    changed (a field that is absent is unchanged, None is cleared), `delete` nothing. Compound fields are flat:
    `FirstName`, `MailingStreet`.
    """

    team: TeamId
    entity: Entity
    record_id: RecordId
    kind: Literal["create", "update", "delete", "undelete", "snapshot"]
    version: Version
    fields: dict[str, Any] = Field(default_factory=dict)
    unread: tuple[str, ...] = ()
    """Of a snapshot: fields in use that the connected user could not read; what was known of them stays."""
    survivor: Survivor | None = None
    """Of a deletion; None: the org has not been asked. No event tells it: once it is known the deletion is published
    again, under the same version."""
    origin: Origin = Origin()
    transaction_key: str | None = None
    replay_id: str | None = None
    """Opaque text of Salesforce's replay id; None for rows of a snapshot."""
    captured_at_ms: int


class Snapshot(Event):
    """Progress of reading an entity by queries: whole, or what changed since a moment."""

    state: Literal["pending", "running", "done"]
    since_ms: int | None = None
    """Only records whose SystemModstamp is not older; None: every record."""
    sweep: bool = False
    """Afterwards look for mirrored records that are no longer there."""
    began_ms: int | None = None
    """When its first query was created: what was committed before is in what it reads."""
    floor: Version | None = None
    """Of the channel's last event before that. Stamps of rows are whole seconds: a row of the same second would lose
    against a change that it includes."""
    job_id: str | None = None
    locator: str | None = None
    after_id: str | None = None
    """Last record committed, in the order of Id: where a new query goes on when the job or its locator is lost."""
    rows: int = 0


class Position(Event):
    """How far a channel of a team has been captured; the value of `capture.positions`."""

    team: TeamId
    entity: Entity
    replay_id: str | None = None
    commit_time_ms: int | None = None
    version: Version | None = None
    """Of the last event."""
    confirmed_ms: int | None = None
    """Everything committed in the org up to this moment of its clock has been captured, or is part of a reading that
    `snapshot` or `due_since_ms` still owes."""
    snapshot: Snapshot = Snapshot(state="pending")
    due_since_ms: int | None = None
    """What changed since this moment is to be read once `snapshot` is done."""
    sweep_due: bool = False
    fields_digest: str | None = None
    """Of the names of the fields that the last whole reading asked for."""


class Reevaluation(Event):
    """Evaluate a stored record again under at least this rule set version."""

    team: TeamId
    entity: Entity
    record_id: RecordId
    reason: Literal["rules", "account", "list", "date", "drift", "conversion", "merge"]
    rule_set_version: int = 0
    answers: dict[str, bool] = {}
    """By list id: whether the org says that the list holds the record."""
    answers_for: Version | None = None
    """The record's newest version when the org was asked: a newer one makes the answers worthless."""
    leads: tuple[RecordId, ...] = ()
    """Of a contact: leads that were converted to it."""
    losers: tuple[RecordId, ...] = ()
    """Records that were, or are no longer, merged into it."""


class MembershipChange(Event):
    """A person or account entered or left a segment."""

    team: TeamId
    segment_id: str
    member: str
    """Normalized e-mail of a person or registrable domain of an account."""
    kind: Literal["entered", "left"]
    revision: int
    """Revision of the member's document: a consumer drops what is older than what it has seen."""


class Parked(Event):
    """A message that could not be processed, with all that is needed to drive it again."""

    team: str | None
    topic: str
    partition: int | None = None
    offset: int | None = None
    replay_id: str | None = None
    reason: Literal["malformed", "invalid", "too_large", "unsupported"]
    detail: str
    attempts: int = 1
    payload: str
    parked_at_ms: int


class Score(Event):
    """The ad platform's engagement score of a person or account; the latest `scored_at_ms` wins."""

    team: TeamId
    subject: Literal["person", "account"]
    key: Annotated[str, StringConstraints(min_length=1, max_length=320)]
    """E-mail of a person, domain of an account."""
    score: Annotated[float, Field(allow_inf_nan=False)]
    last_engagement_at_ms: int | None = None
    scored_at_ms: int
