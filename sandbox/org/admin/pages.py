"""The admin pages, for a person in a browser: overview, sessions, events, faults, time travel, ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

import orjson
from aiohttp import web

from sandbox.org.admin.site import ENTRIES_SHOWN, AdminSite, moment, page_number, span
from sandbox.org.admin.users import described
from sandbox.org.config import AddressAccess, AppAccess
from sandbox.org.events.log import ALL_CHANGES
from sandbox.org.faults.bayeux_errors import BAYEUX_ERRORS
from sandbox.org.faults.plan import KINDS
from sandbox.org.http.addresses import base_url
from sandbox.org.http.paths import ADMIN_PAGES, ADMIN_PREFIX
from sandbox.org.streaming.sessions import Session

_SESSIONS_SHOWN = 200
# Counting how far a client is behind ends here.
_BEHIND_AT_MOST = 10_000
_JUMPS = (
    (60, "+ 1 minute"),
    (3_600, "+ 1 hour"),
    (86_400, "+ 1 day"),
    (72 * 3_600, "+ 72 hours"),
    (7 * 86_400, "+ 1 week"),
    (-3_600, "− 1 hour"),
)


@dataclass(frozen=True, slots=True)
class AdminPages:
    """The handlers."""

    site: AdminSite

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(ADMIN_PREFIX, self.overview),
            web.get(f"{ADMIN_PAGES}/sessions", self.sessions),
            web.get(f"{ADMIN_PAGES}/events", self.events),
            web.get(f"{ADMIN_PAGES}/faults", self.faults),
            web.get(f"{ADMIN_PAGES}/time", self.time),
            web.get(f"{ADMIN_PAGES}/ledger", self.ledger),
        ]

    async def overview(self, request: web.Request) -> web.Response:
        site, org = self.site, self.site.org
        config, ledger = org.config, org.ledger
        return site.render(
            request,
            "overview.html",
            "Overview",
            objects=org.objects(),
            records=sum(org.count(name) for name in org.objects()),
            published=sum(ledger.events_by_entity.values()),
            tip=org.events.tip,
            sessions=len(site.sessions),
            api_requests=site.stats.api_requests,
            daily_api_requests=config.daily_api_requests,
            struck=sum(ledger.faults.values()),
            planned=len(org.faults.planned),
            ledger_length=len(ledger),
            credentials={
                "URL": base_url(request),
                "Client id": config.client_id,
                "Client secret": config.client_secret,
                "Username": config.username,
                "Password": config.password,
                "Security token": config.security_token,
            },
            calls=site.stats.calls.most_common(),
            entries=site.latest()[:15],
        )

    async def sessions(self, request: web.Request) -> web.Response:
        site, sessions = self.site, self.site.sessions
        return site.render(
            request,
            "sessions.html",
            "Sessions",
            session_count=len(sessions),
            sessions=[self._client(one) for one in [*sessions][:_SESSIONS_SHOWN]],
            stalled=sessions.bus.stalled,
            delivered=sessions.bus.delivered,
            delivered_in_a_day=sessions.bus.delivered_in_a_day.total,
            daily_limit=site.org.config.daily_delivered_events,
            users=[described(site.org, site.tokens, user) for user in site.org.rows("User")[:_SESSIONS_SHOWN]],
            user_count=site.org.count("User"),
            profiles=[row["Name"] for row in site.org.rows("Profile")],
            tokens=list(self._tokens()),
            app=site.tokens.policy.app,
            app_choices=get_args(AppAccess),
            address=site.tokens.policy.address,
            address_choices=get_args(AddressAccess),
        )

    def _client(self, session: Session) -> dict[str, object]:
        events = self.site.org.events
        return {
            "client_id": session.client_id,
            "user": self.site.username(session.user_id),
            "api_version": session.api_version,
            "polling": session.waiting is not None,
            "polls": session.polls,
            "channels": [
                {
                    "name": channel,
                    "position": "the start" if one.position < 0 else one.position,
                    "behind": len(events.after(channel, one.position, _BEHIND_AT_MOST)),
                }
                for channel, one in session.subscriptions.items()
            ],
        }

    def _tokens(self) -> Iterable[dict[str, object]]:
        for token in self.site.tokens.live_access():
            expires = token.expires_at
            yield {
                "user": self.site.username(token.authorization.user_id),
                "issued": f"{moment(token.issued_at):%Y-%m-%d %H:%M:%S}",
                "expires": "never" if expires is None else f"{moment(expires):%Y-%m-%d %H:%M:%S}",
                "scopes": " ".join(token.authorization.scopes),
            }

    async def events(self, request: web.Request) -> web.Response:
        events, page = self.site.org.events, page_number(request)
        channel = request.query.get("channel", ALL_CHANGES)
        if not events.has_channel(channel):
            channel = ALL_CHANGES
        newest = events.latest(channel, (page + 1) * ENTRIES_SHOWN)
        wanted = newest[: len(newest) - page * ENTRIES_SHOWN] if len(newest) > page * ENTRIES_SHOWN else []
        total = events.count(channel)
        return self.site.render(
            request,
            "events.html",
            "Events",
            channels=events.channels,
            channel=channel,
            events=[_event(event.replay_id, event.data) for event in reversed(wanted)],
            page=page,
            more=total > (page + 1) * ENTRIES_SHOWN,
            total=total,
            tip=events.tip,
            held=self.site.org.publisher.held,
            retention_seconds=events.retention_seconds,
        )

    async def faults(self, request: web.Request) -> web.Response:
        org = self.site.org
        by_surface: dict[str, list[tuple[str, str]]] = {}
        for kind, (surface, meaning) in KINDS.items():
            by_surface.setdefault(surface, []).append((kind, meaning))
        return self.site.render(
            request,
            "faults.html",
            "Faults",
            planned=[one.as_json() for one in org.faults.planned],
            by_surface=by_surface,
            bayeux_errors=list(BAYEUX_ERRORS),
            struck=org.ledger.faults,
            selected=org.config.cdc_entities,
        )

    async def time(self, request: web.Request) -> web.Response:
        org, lifetime = self.site.org, self.site.org.config.access_token_lifetime_seconds
        return self.site.render(
            request,
            "time.html",
            "Time",
            now=moment(org.clock()),
            offset=span(org.clock.offset_seconds),
            rate=org.clock.rate,
            jumps=_JUMPS,
            retention=span(org.events.retention_seconds),
            retained=org.events.count(ALL_CHANGES),
            token_lifetime="never expire" if lifetime is None else f"expire after {span(lifetime)}",
            api_requests=self.site.stats.api_requests,
            delivered=self.site.sessions.bus.delivered_in_a_day.total,
        )

    async def ledger(self, request: web.Request) -> web.Response:
        page, total = page_number(request), len(self.site.org.ledger)
        return self.site.render(
            request,
            "ledger.html",
            "Ledger",
            total=total,
            entries=self.site.latest(page),
            page=page,
            more=total > (page + 1) * ENTRIES_SHOWN,
        )


def _event(replay_id: int, data: bytes) -> dict[str, object]:
    event = orjson.loads(data)
    header = event["payload"]["ChangeEventHeader"]
    at = f"{moment(header['commitTimestamp'] / 1000):%Y-%m-%d %H:%M:%S}"
    return {"replay_id": replay_id, "header": header, "at": at, "data": event}
