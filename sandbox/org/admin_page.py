"""The admin page: what the org holds and does, for a person in a browser, with forms for the switches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from jinja2 import Environment, FileSystemLoader

from sandbox.org.addresses import base_path
from sandbox.org.admin_forms import PREFIX
from sandbox.org.bayeux_errors import BAYEUX_ERRORS
from sandbox.org.cometd_sessions import SessionTable
from sandbox.org.eventlog import ALL_CHANGES
from sandbox.org.faults import KINDS
from sandbox.org.ledger import FaultEntry
from sandbox.org.stats import Stats
from sandbox.org.store import Org

_SHOWN = 25


@dataclass(frozen=True, slots=True)
class AdminPage:
    """One page over everything a running org consists of."""

    org: Org
    sessions: SessionTable
    stats: Stats

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PREFIX, self.show)]

    async def show(self, request: web.Request) -> web.Response:
        html = _template().render(
            prefix=base_path(request) + PREFIX,
            organization_id=self.org.organization_id,
            now=datetime.fromtimestamp(self.org.clock(), UTC),
            offset_seconds=self.org.clock.offset_seconds,
            objects=[(name, self.org.count(name), self.org.count(name, deleted=True)) for name in self.org.objects()],
            calls=self.stats.calls.most_common(),
            retention_seconds=self.org.events.retention_seconds,
            tip=self.org.events.tip,
            held=self.org.publisher.held,
            stalled=self.sessions.stalled,
            forbidden=sorted(self.sessions.forbidden),
            sessions=[*self.sessions][:_SHOWN],
            session_count=len(self.sessions),
            delivered=self.sessions.delivered,
            events=list(self._events()),
            planned=self.org.faults.planned,
            struck=self.org.ledger.faults,
            kinds=KINDS,
            bayeux_errors=list(BAYEUX_ERRORS),
            ledger=[_entry(entry.as_json(), entry) for entry in reversed(list(self._last_lines()))],
        )
        return web.Response(text=html, content_type="text/html", headers={"Cache-Control": "no-store"})

    def _last_lines(self) -> Iterable[Any]:
        return self.org.ledger.lines(max(len(self.org.ledger) - _SHOWN, 0))

    def _events(self) -> Iterable[dict[str, Any]]:
        for event in reversed(self.org.events.latest(ALL_CHANGES, _SHOWN)):
            header = orjson.loads(event.data)["payload"]["ChangeEventHeader"]
            yield {"replay_id": event.replay_id, **header}


def _entry(line: dict[str, Any], entry: object) -> dict[str, Any]:
    what = entry.fault if isinstance(entry, FaultEntry) else f"{line['operation']} {line['object']}"
    detail = (
        line["detail"] if isinstance(entry, FaultEntry) else {"id": line["recordId"], "changed": [*line["changed"]]}
    )
    return {"number": line["number"], "kind": line["kind"], "what": what, "detail": detail}


def _template() -> Any:
    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    return Environment(loader=loader, autoescape=True).get_template("admin.html")
