"""`getUpdated` and `getDeleted`: which records changed or went in a span of time (REST API guide)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from sandbox.org.objects import ObjectType
from sandbox.org.rest import DATA, Rest
from sandbox.org.store import Org
from sandbox.org.timestamps import parse_datetime, rest_datetime
from sandbox.org.wire import USER_ID, api_error, json_response
from sandbox.org.writes import Row

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


class Replication:
    """The handlers, over one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def updated(self, request: web.Request, object_type: ObjectType) -> web.Response:
        """Records that were created or changed and still live."""
        try:
            start, end = self._span(request)
        except SpanError as error:
            return api_error(400, error.code, str(error))
        rows = self._org.view(request[USER_ID]).rows(object_type.name)
        ids = [row["Id"] for row in rows if _lies_in(row, start, end)]
        return json_response({"ids": ids, "latestDateCovered": self._covered(end)})

    async def deleted(self, request: web.Request, object_type: ObjectType) -> web.Response:
        """Records of the recycle bin; what was purged from it is forgotten."""
        try:
            start, end = self._span(request)
        except SpanError as error:
            return api_error(400, error.code, str(error))
        rows = self._org.view(request[USER_ID]).rows(object_type.name, deleted=True)
        gone = [
            {"id": row["Id"], "deletedDate": row["SystemModstamp"]}
            for row in rows
            if row.get("IsDeleted") and _lies_in(row, start, end)
        ]
        earliest = rest_datetime(max(self._now() - _KEPT, start).timestamp())
        return json_response(
            {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": self._covered(end)}
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._org.clock(), UTC)

    def _covered(self, end: datetime) -> str:
        """Never beyond now: what is still to come was not looked at."""
        return rest_datetime(min(end, self._now()).timestamp())

    def _span(self, request: web.Request) -> tuple[datetime, datetime]:
        """Seconds do not count, so a span takes a minute at least."""
        start, end = (_moment(request, name) for name in ("start", "end"))
        if end - start < timedelta(minutes=1):
            raise SpanError("endDate must be at least one minute greater than startDate")
        if self._now() - start > _LONGEST_AGO:
            raise SpanError("startDate cannot be more than 30 days ago")
        return start, end


def _moment(request: web.Request, name: str) -> datetime:
    text = request.query.get(name)
    if not text:
        raise SpanError(f"Missing required parameter: {name}", "MISSING_ARGUMENT")
    try:
        # A plus sign that was not escaped arrives as a blank.
        return parse_datetime(text.replace(" ", "+")).replace(second=0, microsecond=0)
    except (ValueError, OverflowError):
        raise SpanError(f"{name} must be a date-time: {text}", "INVALID_REPLICATION_DATE") from None


def _lies_in(row: Row, start: datetime, end: datetime) -> bool:
    return start <= parse_datetime(str(row["SystemModstamp"])) < end
