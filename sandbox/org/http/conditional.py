"""Conditional requests: entity tags and modification dates of records."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

import orjson
from aiohttp import web

from sandbox.org.http.wire import routing_error
from sandbox.org.rows.writes import Row
from sandbox.org.values.timestamps import parse_datetime

# The tag of a compressed answer ends so, inside the quotes.
COMPRESSED = "--gzip"


@dataclass(frozen=True, slots=True)
class Version:
    """Which state of a record an answer shows."""

    tag: str
    modified: datetime | None

    @classmethod
    def of(cls, row: Row) -> Version:
        digest = hashlib.sha256(orjson.dumps(row, option=orjson.OPT_SORT_KEYS)).digest()
        stamp = row.get("LastModifiedDate") or row.get("SystemModstamp")
        modified = parse_datetime(str(stamp)) if stamp else None
        return cls(base64.b64encode(digest).decode(), modified)

    @property
    def headers(self) -> dict[str, str]:
        headers = {"ETag": f'"{self.tag}"'}
        if self.modified is not None:
            headers["Last-Modified"] = format_datetime(self.modified, usegmt=True)
        return headers


def refused_condition(request: web.Request, version: Version) -> web.Response | None:
    """304 for a reader who has this version, 412 for a writer who had another; None to go on."""
    if not _holds_for_writer(request, version):
        return routing_error(412, "PRECONDITION_FAILED", "The record was modified after the date or tag that was given")
    if request.method not in {"GET", "HEAD"}:
        return None
    tags = _tags(request, "If-None-Match")
    since = _date(request, "If-Modified-Since")
    unchanged = since is not None and version.modified is not None and version.modified <= since
    # RFC 9110 13.2.2: the date counts only without tags.
    has_it = bool(tags & {version.tag, "*"}) if tags else unchanged
    return web.Response(status=304, headers=version.headers) if has_it else None


def _holds_for_writer(request: web.Request, version: Version) -> bool:
    tags = _tags(request, "If-Match")
    if tags:
        return bool(tags & {version.tag, "*"})
    before = _date(request, "If-Unmodified-Since")
    return before is None or version.modified is None or version.modified <= before


def _tags(request: web.Request, header: str) -> set[str]:
    given = (tag.strip().removeprefix("W/").strip('"') for tag in request.headers.get(header, "").split(","))
    return {tag.removesuffix(COMPRESSED) for tag in given if tag}


def _date(request: web.Request, header: str) -> datetime | None:
    """None also for what is not a date: such a condition does not count."""
    try:
        date = parsedate_to_datetime(request.headers.get(header, ""))
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
