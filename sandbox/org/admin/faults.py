"""Admin calls that plan faults, and the switches that make the org misbehave at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from sandbox.org.admin.forms import AdminError, answer, arguments, mapping, number, text
from sandbox.org.admin.site import refusal
from sandbox.org.admin.view_all import ViewAll
from sandbox.org.faults.bayeux_errors import BAYEUX_ERRORS
from sandbox.org.faults.plan import KINDS, FaultSpec
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.wire import json_response
from sandbox.org.store.org import Org
from sandbox.org.streaming.sessions import SessionTable

_Switch = Callable[[Mapping[str, object]], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class AdminFaults:
    """The handlers, over the org and its CometD sessions."""

    org: Org
    sessions: SessionTable
    view_all: ViewAll

    def routes(self) -> list[web.RouteDef]:
        switches: dict[str, _Switch] = {
            "faults/clear": self._clear,
            "events/release": self._release,
            "events/migrate": self._migrate,
            "events/expire": self._expire,
            "cometd/stall": self._stall,
            "cometd/reset-delivered": self._reset_delivered,
            "permissions": self._permit,
            "clock": self._set_clock,
        }
        return [
            web.get(f"{ADMIN_PREFIX}/faults", self.read),
            web.post(f"{ADMIN_PREFIX}/faults", self.plan),
            web.delete(f"{ADMIN_PREFIX}/faults", self.remove),
            web.delete(f"{ADMIN_PREFIX}/faults/{{number:[0-9]+}}", self.remove),
            *(web.post(f"{ADMIN_PREFIX}/{path}", _switched(switch)) for path, switch in switches.items()),
        ]

    async def read(self, _request: web.Request) -> web.Response:
        """What there is, what is planned, and what struck."""
        return json_response(
            {
                "kinds": {kind: {"surface": surface, "meaning": meaning} for kind, (surface, meaning) in KINDS.items()},
                "bayeuxErrors": list(BAYEUX_ERRORS),
                "planned": [planned.as_json() for planned in self.org.faults.planned],
                "struck": dict(self.org.ledger.faults),
                "heldEvents": self.org.publisher.held,
            }
        )

    async def plan(self, request: web.Request) -> web.Response:
        """``{"kind": "reset", "times": 2, "share": 0.5, "where": {"path": "/services"}, "settings": {}}``.

        ``times`` 1 unless given; null or 0: for ever. Open polls meet a CometD fault at once.
        """
        try:
            planned = self.org.plan(_spec(await arguments(request)))
        except (AdminError, ValueError) as error:
            return refusal(request, str(error))
        if KINDS[planned.spec.kind][0] == "cometd":
            self.sessions.wake_all()
        return answer(request, planned.as_json(), 201)

    async def remove(self, request: web.Request) -> web.Response:
        numbered = request.match_info.get("number")
        return answer(request, {"removed": self.org.faults.remove(None if numbered is None else int(numbered))})

    def _clear(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """All, or ``{"number": 3}``."""
        return {"removed": self.org.faults.remove(int(number(given, "number")) if "number" in given else None)}

    def _release(self, _given: Mapping[str, object]) -> Mapping[str, object]:
        """Events that were held back are published now."""
        return {"released": self.org.release_events()}

    def _migrate(self, _given: Mapping[str, object]) -> Mapping[str, object]:
        """The org moves to another instance: sessions end, replay ids start again."""
        forgotten = len(self.sessions)
        self.org.migrate()
        self.org.faults.note("org-migration", {"tip": self.org.events.tip})
        return {"tip": self.org.events.tip, "forgotten": forgotten}

    def _expire(self, _given: Mapping[str, object]) -> Mapping[str, object]:
        """Retained events are gone, as after 72 hours: every replay id that a client has stored is invalid."""
        expired = self.org.events.expire()
        self.org.faults.note("events-expired", {"tip": self.org.events.tip, "expired": expired})
        return {"tip": self.org.events.tip, "expired": expired}

    def _stall(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """``{"on": true}``: clients stay connected and get nothing."""
        self.sessions.bus.stalled = given.get("on", True) is True
        self.org.faults.note("stalled-stream", {"on": self.sessions.bus.stalled})
        self.sessions.wake_all()
        return {"stalled": self.sessions.bus.stalled}

    def _reset_delivered(self, _given: Mapping[str, object]) -> Mapping[str, object]:
        """A new day for the allocation of delivered events."""
        self.sessions.bus.reset_delivered()
        return {"delivered": 0}

    def _permit(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """``{"object": "Contact", "view_all": false}``; tables tell at once, subscriptions next."""
        object_type = self.org.find_object(text(given, "object"))
        if object_type is None:
            raise AdminError(f"no such object: {given['object']}")
        forbidden = self.sessions.bus.forbidden
        if given.get("view_all", True) is True:
            forbidden.discard(object_type.name)
            self.view_all.give_back(object_type.name, last=not forbidden)
        else:
            forbidden.add(object_type.name)
            self.view_all.take(object_type.name)
        self.org.faults.note("permissions", {"forbidden": sorted(self.sessions.bus.forbidden)})
        return {"forbidden": sorted(self.sessions.bus.forbidden)}

    def _set_clock(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """Events and tokens age, stamps follow, daily limits roll.

        ``{"offset_seconds": 3600}`` against the machine's clock, ``{"advance_seconds": 3600}``,
        ``{"at": "2026-12-24T00:00:00Z"}``; and ``{"rate": 60}`` seconds in one of the machine's, 0 stops it.
        """
        clock = self.org.clock
        if "rate" in given:
            clock.rate = _not_negative(given, "rate")
        if "at" in given:
            clock.travel(_moment(given))
        elif "advance_seconds" in given:
            clock.advance(number(given, "advance_seconds"))
        elif "offset_seconds" in given:
            clock.offset_seconds = number(given, "offset_seconds")
        elif "rate" not in given:
            raise AdminError("offset_seconds, advance_seconds, at or rate must be given")
        now = {"offset_seconds": round(clock.offset_seconds, 3), "now": clock(), "rate": clock.rate}
        self.org.faults.note("clock", now)
        self.org.release_due()
        # Open polls learn that their token has expired.
        self.sessions.wake_all()
        return now


def _not_negative(given: Mapping[str, object], name: str) -> float:
    value = number(given, name)
    if value < 0:
        raise AdminError(f"{name} must not be negative")
    return value


def _moment(given: Mapping[str, object]) -> float:
    """ISO 8601; without a time zone it is UTC."""
    try:
        at = datetime.fromisoformat(str(given["at"]))
    except ValueError:
        raise AdminError("at must be a moment like 2026-12-24T00:00:00Z") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _spec(given: Mapping[str, object]) -> FaultSpec:
    times = number(given, "times", 1) if given.get("times", 1) is not None else 0
    where = {key: str(value) for key, value in mapping(given, "where").items()}
    return FaultSpec(
        kind=text(given, "kind"),
        times=int(times) or None,
        share=number(given, "share", 1),
        where=where,
        settings=mapping(given, "settings"),
    )


def _switched(switch: _Switch) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return answer(request, switch(await arguments(request)))
        except AdminError as error:
            return refusal(request, str(error))

    return handle
