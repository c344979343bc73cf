"""Assembly: one org, all its surfaces, one HTTP server."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.org.admin import users as user_admin
from sandbox.org.admin.api import Admin
from sandbox.org.admin.data import AdminData
from sandbox.org.admin.faults import AdminFaults
from sandbox.org.admin.forms import own_pages_only
from sandbox.org.admin.pages import AdminPages
from sandbox.org.admin.policy import routes as policy_routes
from sandbox.org.admin.records import AdminRecords
from sandbox.org.admin.setup import AdminSetup
from sandbox.org.admin.site import AdminSite
from sandbox.org.admin.view_all import ViewAll
from sandbox.org.bulk.api import Bulk
from sandbox.org.config import OrgConfig
from sandbox.org.events.access import EventAccess
from sandbox.org.events.bus import EventBus
from sandbox.org.faults.outage import Outage
from sandbox.org.http.compression import compressed
from sandbox.org.http.faults import http_faults
from sandbox.org.http.middleware import authenticated, common_headers, org_date, outages, rerouted, salesforce_errors
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.pretty import pretty_printed
from sandbox.org.limits.stats import Stats
from sandbox.org.lists import api as listviews
from sandbox.org.logins.sessions import Sessions
from sandbox.org.oauth import endpoints as oauth
from sandbox.org.query import api as query_api
from sandbox.org.rest import limits, record_collections, user_passwords
from sandbox.org.rest import records as rest
from sandbox.org.rest.resources import routes as data_resources
from sandbox.org.seeding.fill import Progress, seed
from sandbox.org.soap.api import routes as soap_routes
from sandbox.org.store.org import Org
from sandbox.org.streaming.cometd import CometD
from sandbox.org.streaming.sessions import SessionTable

# Bulk API 2.0 takes files of 150 MB of base64, which is what 100 MB raw amounts to; some room above it.
MAX_BODY_BYTES = 160 * 1024 * 1024
SHUTDOWN_SECONDS = 1.0


@dataclass(slots=True)
class RunningOrg:
    """An org that serves; close it, or use it as an async context manager."""

    org: Org
    base_url: str
    tokens: Sessions
    cometd_sessions: SessionTable
    stats: Stats
    outage: Outage
    access_token: str = field(repr=False)
    _runner: web.AppRunner = field(repr=False)

    @property
    def credentials(self) -> dict[str, str]:
        """All that a client needs to know, as the command line prints it."""
        config = self.org.config
        return {
            "login_url": self.base_url,
            "instance_url": self.base_url,
            "admin_url": self.base_url + ADMIN_PREFIX,
            "org_id": self.org.organization_id,
            "client_id": config.client_id,
            "client_secret": config.client_secret,
            "username": config.username,
            "password": config.password,
            "security_token": config.security_token,
            "access_token": self.access_token,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request that somebody else listened for."""
        server = self._runner.server
        assert server is not None  # set up by open_org, gone only after close
        return await server.request_handler(request)

    async def close(self) -> None:
        """Stop listening, answer the open polls, and go."""
        for site in list(self._runner.sites):
            await site.stop()
        self.cometd_sessions.forget_all()
        transports = transports_of(self._runner.server)
        await self._runner.cleanup()
        await hang_up(transports)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.close()


def transports_of(server: web.Server | None) -> list[asyncio.Transport]:
    """The connections that are open: whoever closes the server may no longer be able to ask for them."""
    return [one.transport for one in server.connections if one.transport] if server else []


async def hang_up(transports: Iterable[asyncio.Transport]) -> None:
    for transport in transports:
        # Over TLS a close waits half a minute for the client to agree.
        transport.abort()
    await asyncio.sleep(0)


async def serve(config: OrgConfig, progress: Progress | None = None) -> RunningOrg:
    """Seed an org and serve it; OSError when the port is taken, ValueError for a key or certificate that is none."""
    org = Org(config)
    seed(org, progress)
    return await serve_org(org)


async def serve_org(org: Org) -> RunningOrg:
    """Serve an org that already has its data."""
    running = await open_org(org)
    running.base_url = await listen(running._runner, org.config)
    return running


async def open_org(org: Org, base_url: str = "") -> RunningOrg:
    """Everything that serves the org, without listening: requests come by ``RunningOrg.handle``."""
    tokens = Sessions(org)
    rng = random.Random(org.config.seed)
    # Polls and reconnections take real time, whatever the org's clock says.
    cometd_sessions = SessionTable(org.config, _event_bus(org), rng, time.monotonic)
    org.on_events.append(cometd_sessions.notify)
    org.on_migrated.append(cometd_sessions.forget_all)
    org.call_later = asyncio.get_running_loop().call_later
    stats, outage = Stats(org.clock), Outage()
    app = _application(org, tokens, cometd_sessions, stats, outage)
    # A poll whose client hung up must not take events with it.
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    access_token = tokens.issue(org.admin_user_id)
    return RunningOrg(org, base_url, tokens, cometd_sessions, stats, outage, access_token, runner)


def _event_bus(org: Org) -> EventBus:
    config = org.config
    return EventBus(
        org.events,
        org.objects(),
        config.cdc_entities,
        org.clock,
        daily_limit=config.daily_delivered_events,
        access=EventAccess(org.access, org.catalogue),
    )


async def listen(runner: web.BaseRunner, config: OrgConfig) -> str:
    """Listen where the configuration says, with TLS if it says so; the address. OSError when the port is taken."""
    tls = _tls(config)
    await web.TCPSite(runner, config.host, config.port, ssl_context=tls, reuse_address=True).start()
    host, port = runner.addresses[0][:2]
    return f"{'http' if tls is None else 'https'}://{host}:{port}"


def _tls(config: OrgConfig) -> ssl.SSLContext | None:
    """Clients that insist on https:// need a certificate; it is the caller's, so that they can trust it."""
    if config.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.certificate, config.private_key)
    except OSError as error:
        raise ValueError(
            f"{config.certificate} and {config.private_key} are no certificate and key: {error}"
        ) from error
    return context


def _application(
    org: Org, tokens: Sessions, cometd_sessions: SessionTable, stats: Stats, outage: Outage
) -> web.Application:
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[
            own_pages_only,
            outages(outage),
            compressed(org.config.gzip_min_bytes),
            pretty_printed,
            http_faults(org.faults),
            salesforce_errors,
            authenticated(tokens, org.config, stats),
            rerouted,
        ],
    )
    app.on_response_prepare.append(org_date(org.clock))
    app.on_response_prepare.append(common_headers(org.config, stats))
    bulk = Bulk(org)
    app.on_shutdown.append(lambda _app: bulk.close())
    site = AdminSite(org, tokens, cometd_sessions, stats, outage)
    surfaces = [
        *rest.routes(org),
        *record_collections.routes(org),
        *limits.routes(org, stats, cometd_sessions, bulk),
        *query_api.routes(org),
        *listviews.routes(org),
        *soap_routes(org, tokens),
        *user_passwords.routes(org, tokens.accounts),
        *user_admin.routes(org, tokens, cometd_sessions),
        *policy_routes(tokens, cometd_sessions),
        *bulk.routes(),
        *data_resources(org),
        *oauth.routes(org, tokens),
        *CometD(org.config, cometd_sessions, org.faults, tokens.check, lambda: outage.active).routes(),
        *Admin(org, tokens, cometd_sessions, stats, outage).routes(),
        *AdminFaults(org, cometd_sessions, ViewAll(org)).routes(),
        *AdminRecords(org).routes(),
        *AdminSetup(org).routes(),
        *AdminPages(site).routes(),
        *AdminData(site).routes(),
    ]
    app.add_routes(_with_trailing_slash(surfaces))
    return app


def _with_trailing_slash(routes: Iterable[web.RouteDef]) -> Iterable[web.RouteDef]:
    """Clients write many paths with a slash at the end; Salesforce does not mind."""
    for route in routes:
        yield route
        if not route.path.endswith(("/", "/?}")):
            yield web.RouteDef(route.method, f"{route.path}/", route.handler, route.kwargs)
