"""What the admin pages share: their frame, the state that every one of them shows, and the way times are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

from sandbox.org.admin.forms import is_form, page_of
from sandbox.org.faults.outage import Outage
from sandbox.org.http.addresses import base_path, base_url
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.wire import json_response
from sandbox.org.ledger.ledger import Entry
from sandbox.org.limits.stats import Stats
from sandbox.org.logins.sessions import Sessions
from sandbox.org.store.org import Org
from sandbox.org.streaming.sessions import SessionTable

ENTRIES_SHOWN = 50
_TABS = ("Data", "Sessions", "Events", "Faults", "Time", "Ledger")


@dataclass(frozen=True, slots=True)
class AdminSite:
    """Everything that a running org consists of, for people to look at."""

    org: Org
    tokens: Sessions
    sessions: SessionTable
    stats: Stats
    outage: Outage

    def render(self, request: web.Request, template: str, tab: str, **values: object) -> web.Response:
        now = moment(self.org.clock())
        return html(
            template,
            {
                "at": base_path(request) + ADMIN_PREFIX,
                "site": "Simulated Salesforce",
                "subtitle": f"{base_url(request)} · {self.org.organization_id}",
                "fleet": f"{ADMIN_PREFIX}/" if base_path(request) else "",
                "clock": f"{now:%Y-%m-%d %H:%M:%S} UTC",
                "nav": [("", "Overview"), *((f"pages/{name.lower()}", name) for name in _TABS)],
                "title": tab,
                "tab": tab,
                "live": "live" in request.query,
                "notices": list(self._notices()),
                **values,
            },
        )

    def _notices(self) -> Iterable[str]:
        """What somebody switched on and may have forgotten."""
        if self.outage.active:
            yield f"An outage: everything is answered with {self.outage.status}."
        if self.sessions.bus.stalled:
            yield "The stream is stalled: clients stay connected and get nothing."
        if self.sessions.bus.forbidden:
            yield f"View All Records is taken away on {', '.join(sorted(self.sessions.bus.forbidden))}."
        if self.org.publisher.held:
            yield f"Events held back: {self.org.publisher.held}."
        clock = self.org.clock
        if clock.moved:
            speed = "" if clock.rate == 1 else f", and runs {clock.rate:g} times as fast"
            yield f"The org's clock is {_beside(clock.offset_seconds)} this machine's{speed}."

    def latest(self, page: int = 0) -> list[dict[str, object]]:
        """A page of ledger entries, newest first."""
        end = max(len(self.org.ledger) - page * ENTRIES_SHOWN, 0)
        start = max(end - ENTRIES_SHOWN, 0)
        return [shown(entry) for entry in reversed(list(self.org.ledger.lines(start, end - start)))]

    def username(self, user_id: str) -> str:
        user = self.org.get("User", user_id) or {}
        return str(user.get("Username", user_id))


def refusal(request: web.Request, message: str, status: int = 400) -> web.Response:
    """Why an admin call was not done: for a program, or for the person who sent a form."""
    if not is_form(request):
        return json_response({"error": message}, status)
    values = {"at": base_path(request) + ADMIN_PREFIX, "site": "Simulated Salesforce", "title": "That cannot be done"}
    return html("message.html", {**values, "message": message, "back": page_of(request)}, status)


def html(template: str, values: Mapping[str, object], status: int = 200) -> web.Response:
    text = _environment().get_template(template).render(values)
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


@lru_cache
def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def page_number(request: web.Request) -> int:
    asked = request.query.get("page", "0")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0


def shown(entry: Entry) -> dict[str, object]:
    """A ledger entry with its time for a person."""
    line = entry.as_json()
    at_ms = line["committedAt"]
    assert isinstance(at_ms, int | float)
    return {**line, "at": f"{moment(at_ms / 1000):%Y-%m-%d %H:%M:%S}"}


def moment(seconds: float) -> datetime:
    """The time of day, for as far as calendars go."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST_SECOND), UTC)


# 9999-12-31T00:00:00Z
_LAST_SECOND = 253_402_214_400.0


def _beside(offset_seconds: float) -> str:
    return f"{span(abs(offset_seconds))} {'behind' if offset_seconds < 0 else 'ahead of'}"


def span(seconds: float) -> str:
    """``2 d 3 h``: the two largest units."""
    sign, rest = ("-" if seconds < 0 else ""), abs(seconds)
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if rest >= size:
            parts.append(f"{int(rest // size)} {unit}")
            rest %= size
    if rest or not parts:
        parts.append(f"{rest:.3g} s")
    return sign + " ".join(parts[:2])
