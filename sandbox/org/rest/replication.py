"""`getUpdated` and `getDeleted`: which records changed or went in a span of time (REST API guide)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, api_error, json_response
from sandbox.org.metadata.objects import ObjectType
from sandbox.org.rest.records import Rest
from sandbox.org.rows.writes import Row
from sandbox.org.store.org import Org
from sandbox.org.values.timestamps import parse_datetime, rest_datetime

# SOAP API guide, getUpdated: how far back a span may begin; and how long deleted records are kept.
_LONGEST_AGO = timedelta(days=30)
_KEPT = timedelta(days=15)


def routes(org: Org) -> list[web.RouteDef]:
    api, rest = Replication(org), Rest(org)
    of_object = f"{DATA}/sobjects/{{object}}"
    return [
        web.get(f"{of_object}/updated", rest.on_object(api.updated)),
        web.get(f"{of_object}/deleted", rest.on_object(api.deleted)),
    ]


class SpanError(Exception):
    """A span of time that is refused; carries the error code."""

    def __init__(self, message: str, code: str = "INVALID_REPLICATION_DATE") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Span:
    """From a minute to another."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, start: str | None, end: str | None, now: datetime) -> Span:
        """Seconds do not count, so a span takes a minute at least. Raises SpanError."""
        span = cls(_moment("start", start), _moment("end", end))
        if span.end - span.start < timedelta(minutes=1):
            raise SpanError("endDate must be at least one minute greater than startDate")
        if now - span.start > _LONGEST_AGO:
            raise SpanError("startDate cannot be more than 30 days ago")
        return span

    def holds(self, row: Row) -> bool:
        return self.start <= parse_datetime(str(row["SystemModstamp"])) < self.end


@dataclass(frozen=True, slots=True)
class Replicas:
    """What changed and what went, as one user sees it."""

    org: Org
    user_id: str

    def updated(self, object_name: str, start: str | None, end: str | None) -> dict[str, object]:
        """Records that were created or changed and still live. Raises SpanError."""
        span = Span.of(start, end, self._now())
        rows = self.org.view(self.user_id).rows(object_name)
        ids = [row["Id"] for row in rows if span.holds(row)]
        return {"ids": ids, "latestDateCovered": self._covered(span)}

    def deleted(self, object_name: str, start: str | None, end: str | None) -> dict[str, object]:
        """Records of the recycle bin; what was purged from it is forgotten. Raises SpanError."""
        span = Span.of(start, end, self._now())
        rows = self.org.view(self.user_id).rows(object_name, deleted=True)
        gone = [
            {"id": row["Id"], "deletedDate": row["SystemModstamp"]}
            for row in rows
            if row.get("IsDeleted") and span.holds(row)
        ]
        earliest = rest_datetime(max(self._now() - _KEPT, span.start).timestamp())
        return {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": self._covered(span)}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.org.clock(), UTC)

    def _covered(self, span: Span) -> str:
        """Never beyond now: what is still to come was not looked at."""
        return rest_datetime(min(span.end, self._now()).timestamp())


class Replication:
    """The handlers, over one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def updated(self, request: web.Request, object_type: ObjectType) -> web.Response:
        return _answer(request, object_type, Replicas(self._org, request[USER_ID]).updated)

    async def deleted(self, request: web.Request, object_type: ObjectType) -> web.Response:
        return _answer(request, object_type, Replicas(self._org, request[USER_ID]).deleted)


def _answer(request: web.Request, object_type: ObjectType, find: Callable[..., dict[str, object]]) -> web.Response:
    try:
        return json_response(find(object_type.name, request.query.get("start"), request.query.get("end")))
    except SpanError as error:
        return api_error(400, error.code, str(error))


def _moment(name: str, text: str | None) -> datetime:
    if not text:
        raise SpanError(f"Missing required parameter: {name}", "MISSING_ARGUMENT")
    try:
        # A plus sign that was not escaped arrives as a blank.
        return parse_datetime(text.replace(" ", "+")).replace(second=0, microsecond=0)
    except (ValueError, OverflowError):
        raise SpanError(f"{name} must be a date-time: {text}", "INVALID_REPLICATION_DATE") from None
