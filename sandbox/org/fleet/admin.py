"""The fleet's own pages: the list of its orgs for a person and for a program, and how to add and remove one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aiohttp import web

from sandbox.org.admin.forms import AdminError, answer, arguments, number, own_pages_only, text
from sandbox.org.admin.site import html, page_number, refusal
from sandbox.org.config import OrgConfig
from sandbox.org.fleet.orgs import Fleet, alike
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.wire import json_response

_ORGS_SHOWN = 50


def fleet_application(fleet: Fleet, like: OrgConfig) -> web.Application:
    """Further orgs are made like the one given, with a seed of their own."""
    app = web.Application(middlewares=[own_pages_only])
    app.add_routes(FleetAdmin(fleet, like).routes())
    return app


@dataclass(frozen=True, slots=True)
class FleetAdmin:
    """The handlers, over the fleet."""

    fleet: Fleet
    like: OrgConfig

    def routes(self) -> list[web.RouteDef]:
        return [
            *(web.get(path, self.index) for path in ("/", ADMIN_PREFIX, f"{ADMIN_PREFIX}/")),
            web.get(f"{ADMIN_PREFIX}/orgs", self.listing),
            web.post(f"{ADMIN_PREFIX}/orgs", self.create),
            web.get(f"{ADMIN_PREFIX}/orgs/{{name}}", self.credentials),
            web.delete(f"{ADMIN_PREFIX}/orgs/{{name}}", self.remove),
        ]

    async def index(self, request: web.Request) -> web.Response:
        """A page of the orgs whose name contains what is asked for."""
        members, page, searched = [*self.fleet], page_number(request), request.query.get("q", "").strip().lower()
        found = [member for member in members if searched in member.name]
        first = page * _ORGS_SHOWN
        values = {
            "at": ADMIN_PREFIX,
            "site": "Simulated Salesforce",
            "subtitle": f"{len(members)} orgs on one port",
            "title": "Orgs",
            "orgs": [self.fleet.summary(member) for member in found[first : first + _ORGS_SHOWN]],
            "total": len(members),
            "open_count": sum(member.running is not None for member in members),
            "q": searched,
            "page": page,
            "more": len(found) > first + _ORGS_SHOWN,
        }
        return html("fleet.html", values)

    async def listing(self, _request: web.Request) -> web.Response:
        return json_response({"orgs": [self.fleet.summary(member) for member in self.fleet]})

    async def credentials(self, request: web.Request) -> web.Response:
        """All that a client of one org needs, with an access token: this makes the org."""
        name = request.match_info["name"]
        if name not in self.fleet:
            return json_response({"error": f"no such org: {name}"}, 404)
        return json_response((await self.fleet.open(name)).credentials)

    async def create(self, request: web.Request) -> web.Response:
        """``{"name": "acme", "seed": 7, "contacts": 200, "leads": 50, "accounts": 20}``."""
        try:
            given = await arguments(request)
            seed = number(given, "seed", self.like.seed + len(self.fleet))
            config = replace(
                alike(self.like, int(seed)),
                contacts=int(number(given, "contacts", self.like.contacts)),
                leads=int(number(given, "leads", self.like.leads)),
                accounts=int(number(given, "accounts", self.like.accounts)),
            )
            member = self.fleet.add(text(given, "name"), config)
        except (AdminError, ValueError) as error:
            return refusal(request, str(error))
        return answer(request, self.fleet.summary(member), 201)

    async def remove(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.fleet:
            return json_response({"error": f"no such org: {name}"}, 404)
        await self.fleet.remove(name)
        return answer(request, {"removed": name})
