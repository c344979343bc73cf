"""The test side of the org: its ledger and state to read, and switches that make it misbehave.

No authentication: the server listens on loopback only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import orjson
from aiohttp import web

from sandbox.org.admin.forms import answer, arguments
from sandbox.org.admin.site import refusal
from sandbox.org.faults.outage import Outage
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.wire import json_response
from sandbox.org.limits.stats import Stats
from sandbox.org.logins.sessions import Sessions
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.store.org import Org
from sandbox.org.streaming.sessions import SessionTable

_LEDGER_PAGE_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Admin:
    """The handlers, over everything a running org consists of."""

    org: Org
    tokens: Sessions
    cometd_sessions: SessionTable
    stats: Stats
    outage: Outage

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{ADMIN_PREFIX}/ledger", self.ledger),
            web.get(f"{ADMIN_PREFIX}/state/{{object}}", self.state),
            web.get(f"{ADMIN_PREFIX}/counts", self.counts),
            web.get(f"{ADMIN_PREFIX}/changes/{{object}}", self.changes),
            web.get(f"{ADMIN_PREFIX}/stats", self.read_stats),
            web.post(f"{ADMIN_PREFIX}/undelete", self.undelete),
            web.post(f"{ADMIN_PREFIX}/cometd/forget-sessions", self.forget_sessions),
            web.post(f"{ADMIN_PREFIX}/tokens/revoke", self.revoke_tokens),
            web.post(f"{ADMIN_PREFIX}/retention", self.set_retention),
            web.post(f"{ADMIN_PREFIX}/outage", self.set_outage),
        ]

    async def ledger(self, request: web.Request) -> web.Response:
        """Entries after a number, one JSON object a line."""
        try:
            after = int(request.query.get("after", "0"))
            limit = int(request.query.get("limit", str(_LEDGER_PAGE_ENTRIES)))
        except ValueError:
            return _bad_request("after and limit must be whole numbers")
        lines = b"".join(orjson.dumps(entry.as_json()) + b"\n" for entry in self.org.ledger.lines(after, limit))
        return web.Response(body=lines, content_type="application/x-ndjson")

    async def state(self, request: web.Request) -> web.Response:
        """All live rows of an object; a field that is null is absent."""
        object_type = self.org.find_object(request.match_info["object"])
        if object_type is None:
            return _bad_request(f"no such object: {request.match_info['object']}", status=404)
        return json_response(list(self.org.rows(object_type.name)))

    async def counts(self, _request: web.Request) -> web.Response:
        org, ledger = self.org, self.org.ledger
        return json_response(
            {
                "objects": {
                    name: {"live": org.count(name), "deleted": org.count(name, deleted=True)} for name in org.objects()
                },
                "ledger": len(ledger),
                "faults": dict(ledger.faults),
                "events": dict(ledger.events_by_entity),
                "changes": {name: sum(ledger.changes_by_record(name).values()) for name in ledger.events_by_entity},
                "tip": org.events.tip,
            }
        )

    async def changes(self, request: web.Request) -> web.Response:
        """Announced changes per record id of an object."""
        object_type = self.org.find_object(request.match_info["object"])
        if object_type is None:
            return _bad_request(f"no such object: {request.match_info['object']}", status=404)
        return json_response(dict(self.org.ledger.changes_by_record(object_type.name)))

    async def read_stats(self, _request: web.Request) -> web.Response:
        return json_response(
            {
                "calls": dict(self.stats.calls),
                "apiRequests": self.stats.api_requests,
                "accessTokensIssued": self.tokens.issued,
                "familiesRevoked": self.tokens.families_revoked,
                "delivered": dict(self.cometd_sessions.bus.delivered),
                "cometdSessions": len(self.cometd_sessions),
            }
        )

    async def undelete(self, request: web.Request) -> web.Response:
        """``{"object": "Contact", "ids": [...]}`` back from the recycle bin, which REST cannot do."""
        body = await arguments(request)
        ids, object_name = body.get("ids"), str(body.get("object"))
        if isinstance(ids, str):
            ids = ids.replace(",", " ").split()
        if not isinstance(ids, list):
            return refusal(request, "ids must be a list")
        writes = [Write("undelete", object_name, str(record_id), {}) for record_id in ids]
        results = self.org.commit(writes, Actor(self.org.admin_user_id, "soap"))
        return answer(request, {"undeleted": sum(result.success for result in results)})

    async def forget_sessions(self, request: web.Request) -> web.Response:
        forgotten = self.cometd_sessions.forget_all()
        self.org.faults.note("forget-sessions", {"forgotten": forgotten})
        return answer(request, {"forgotten": forgotten})

    async def revoke_tokens(self, request: web.Request) -> web.Response:
        """Access tokens; with ``{"refresh": true}`` refresh tokens too. Open polls learn it at once."""
        refresh = (await arguments(request)).get("refresh") is True
        revoked = self.tokens.revoke_access_tokens()
        if refresh:
            self.tokens.revoke_all()
        self.cometd_sessions.wake_all()
        self.org.faults.note("revoke-tokens", {"revoked": revoked, "refresh": refresh})
        return answer(request, {"revoked": revoked})

    async def set_retention(self, request: web.Request) -> web.Response:
        seconds = (await arguments(request)).get("seconds")
        if not isinstance(seconds, int | float) or seconds < 0:
            return refusal(request, "seconds must be a number that is not negative")
        self.org.events.retention_seconds = seconds
        self.org.faults.note("retention", {"seconds": seconds})
        return answer(request, {"seconds": seconds})

    async def set_outage(self, request: web.Request) -> web.Response:
        """``{"seconds": 5, "status": 503}``; without seconds until the next call, with 0 it ends."""
        body = await arguments(request)
        seconds, status = body.get("seconds", math.inf), body.get("status", 503)
        if not isinstance(seconds, int | float) or not isinstance(status, int):
            return refusal(request, "seconds and status must be numbers")
        self.outage.start(seconds, status)
        self.cometd_sessions.wake_all()
        self.org.faults.note("outage", {"seconds": str(seconds), "status": status})
        return answer(request, {"active": self.outage.active, "status": status})


def _bad_request(message: str, status: int = 400) -> web.Response:
    return json_response({"error": message}, status)
