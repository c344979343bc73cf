"""A team's org, besides its change events."""

from __future__ import annotations

from collections.abc import AsyncIterable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.documents import ApiUsage, Connection
from schemas.events import Entity
from workers.core.budget import Allowance
from workers.core.preflight import ObjectAccess
from workers.ports.store import Documents
from workers.ports.stream import ChangeStream


@dataclass(frozen=True, slots=True)
class FieldInfo:
    name: str
    type: str
    label: str = ""
    updateable: bool = True
    compound: bool = False
    scale: int = 18
    """Of a number: digits behind the point."""
    calculated: bool = False
    """By a formula or a roll-up: it changes without a new stamp of the record, and without an event."""
    labelled: bool = False
    """A picklist with a value that people read as something else."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How the org counts days, and who is connected."""

    user_id: str
    time_zone: str
    """Of the connected user, as IANA names it."""
    locale: str
    fiscal_year_starts: int
    """Month."""
    org_time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class ListInfo:
    list_id: str
    label: str
    developer_name: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a Bulk query: rows as column -> text ("" is empty), and the locator of the next (None: last)."""

    rows: list[dict[str, str]]
    locator: str | None


@dataclass(frozen=True, slots=True)
class IngestRow:
    record_id: str
    cells: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowOutcome:
    record_id: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class IngestState:
    state: str
    processed: int
    failed: int
    error: str | None = None


CURRENT_ROWS = 2_000
UPDATE_ROWS = 200
"""REST API Developer Guide, "sObject Collections"."""


class SalesforceOrg(Protocol):
    """REST and Bulk API 2.0 of one team's org. Every call carries `Sforce-Call-Options: client=SegmentSync`."""

    def background_calls_left(self) -> int | None:
        """API calls that imports, polling and comparisons may still make today; None: the org has not said yet."""

    async def allowances(self) -> dict[str, Allowance] | None:
        """The org's limits by name; None: the connected user may not see them. So it is with the next two."""

    async def selected_for_events(self) -> frozenset[str] | None:
        """Objects with Change Data Capture."""

    async def object_access(self) -> dict[Entity, ObjectAccess] | None:
        """The connected user's permissions."""

    async def habits(self) -> Habits: ...

    async def create_insight_field(self, entity: Entity, name: str, kind: str, user_id: str) -> None:
        """`kind` is score or date; the user's profile may read and edit it afterwards."""

    async def fields(self, entity: Entity) -> list[FieldInfo]: ...

    async def lists(self, entity: Entity) -> list[ListInfo]:
        """All list views that the connected user sees, whatever their number."""

    async def list_describe(self, entity: Entity, list_id: str) -> dict[str, Any]:
        """With its `label`. Raises Invisible when the list is gone, or it or its conditions are not for the connected
        user."""

    async def records(self, entity: Entity, record_ids: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
        """These fields of records by id (REST query); with `IsDeleted` true those that are in the recycle bin."""

    async def count(self, soql: str, *, deleted: bool = False) -> int:
        """What a `SELECT count() FROM ...` counts; `deleted`: with what is in the recycle bin."""

    async def query(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """All rows of a query by REST: for few rows, and a text of at most 12,000 characters."""

    async def query_create(self, soql: str, *, deleted: bool = False) -> str:
        """Bulk query job id."""

    async def query_state(self, job_id: str) -> IngestState: ...

    async def query_page(self, job_id: str, locator: str | None) -> Page: ...

    async def ingest_create(self, entity: Entity) -> str:
        """Bulk update job id."""

    async def ingest_open(self, entity: Entity, user_id: str, since_ms: int) -> list[str]:
        """Update jobs of the entity that are Open, bear our mark and were created by this user at that moment or
        later, by the org's clock."""

    async def ingest_upload(
        self, job_id: str, columns: Sequence[str], pages: AsyncIterable[Sequence[IngestRow]]
    ) -> int:
        """Once per job. The number of rows."""

    async def ingest_complete(self, job_id: str) -> None: ...

    async def ingest_state(self, job_id: str) -> IngestState: ...

    async def ingest_abort(self, job_id: str) -> None: ...

    async def current_values(
        self, entity: Entity, record_ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        """These fields of up to `CURRENT_ROWS` records in one call, by id; without those that are gone."""

    async def update_records(
        self, entity: Entity, rows: Sequence[Mapping[str, str | float | None]]
    ) -> list[RowOutcome]:
        """Fields of up to `UPDATE_ROWS` records with their `Id` in one call, each for itself; what became of each, in
        the same order."""

    def calls_made(self) -> int:
        """API calls of this process that were answered so far."""

    async def batches_left(self, ours_today: int) -> int | None:
        """Batches of 10,000 records that may still be written today; None: the user may not know."""

    async def ingest_accepted(self, job_id: str) -> list[RowOutcome]: ...

    async def ingest_rejected(self, job_id: str) -> list[RowOutcome]: ...

    async def ingest_unprocessed(self, job_id: str) -> list[RowOutcome]: ...


class Meter(Protocol):
    """What this process asked of one team's org."""

    team: str

    @property
    def has_news(self) -> bool:
        """Something is not saved yet."""

    def background_calls_left(self) -> int | None:
        """As of `SalesforceOrg`."""

    async def flush(self, days: Documents[ApiUsage]) -> None:
        """Add it to the team's day. Raises Unavailable; nothing is forgotten then."""


class SalesforceOrgs(Protocol):
    """Opens a team's org: decrypts its tokens, refreshes them when they expire."""

    def org(self, connection: Connection) -> SalesforceOrg: ...

    def stream(self, connection: Connection) -> ChangeStream: ...

    def meters(self) -> Collection[Meter]:
        """One for each org that was opened."""
