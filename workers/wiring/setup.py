"""What the command line asks for: one function per command, from settings to result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import aiohttp

from schemas.documents import (
    Connection,
    Job,
)
from schemas.events import Entity
from workers.adapters.salesforce.callback import listen
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import (
    Authorization,
    authorize_url,
    client_credentials,
    exchange_code,
    jwt_bearer,
    new_pkce,
)
from workers.console import jobs as background
from workers.console.progress import TeamStatus, team_status
from workers.console.teams import save_connection
from workers.core.preflight import Finding
from workers.ports import Store
from workers.runtime import preflight
from workers.runtime.capture_status import keep_checks
from workers.runtime.process import SystemClock
from workers.settings import Settings
from workers.wiring.resources import cipher, orgs, store, team_org, team_store

clock = SystemClock()


@dataclass(frozen=True, slots=True)
class JwtUser:
    """Who the app acts as, and the private key (PEM) of its certificate."""

    username: str
    private_key: str = field(repr=False)


async def connect_team(
    settings: Settings,
    team: str,
    *,
    login_url: str,
    client_id: str,
    client_secret: str | None,
    callback_port: int | None,
    show_login: Callable[[str], None],
    jwt_user: JwtUser | None = None,
) -> Connection:
    """With a `jwt_user` as that one; else `callback_port` None: client credentials, without a browser."""
    loopback = settings.salesforce_allow_loopback
    keys = cipher(settings)  # before anybody logs in for nothing
    grant: Literal["authorization_code", "client_credentials", "jwt_bearer"]
    async with open_session() as session, store(settings) as opened:
        if jwt_user is not None:
            grant = "jwt_bearer"
            authorization = await jwt_bearer(
                session,
                login_url,
                client_id=client_id,
                username=jwt_user.username,
                private_key=jwt_user.private_key,
                now_ms=clock.now_ms(),
                allow_insecure_loopback=loopback,
            )
        elif callback_port is None:
            grant = "client_credentials"
            authorization = await client_credentials(
                session,
                login_url,
                client_id=client_id,
                client_secret=client_secret or "",
                allow_insecure_loopback=loopback,
            )
        else:
            grant = "authorization_code"
            authorization = await log_in(
                session, login_url, client_id, client_secret, callback_port, show_login, loopback
            )
        saved = await save_connection(
            opened,
            Connection(
                team=team,
                org_id=authorization.org_id,
                instance_url=authorization.instance_url,
                login_url=login_url,
                client_id=client_id,
                grant=grant,
                secret=keys.seal(team, authorization.secret),
                connected_at_ms=clock.now_ms(),
            ),
        )
        return await with_time_zone(settings, opened, saved)


async def with_time_zone(settings: Settings, opened: Store, connection: Connection) -> Connection:
    """The daily write-back begins at a local time of the org."""
    async with orgs(settings, opened) as salesforce:
        zone = (await salesforce.org(connection).habits()).org_time_zone
    stored = (await opened.connections.load([(connection.team, connection.team)]))[connection.team, connection.team]
    zoned = stored.model_copy(update={"time_zone": zone})
    # Who wrote in between was a worker that refreshed the token: the next connect sets the zone.
    await opened.connections.swap([zoned])
    return zoned


async def log_in(
    session: aiohttp.ClientSession,
    login_url: str,
    client_id: str,
    client_secret: str | None,
    callback_port: int,
    show_login: Callable[[str], None],
    loopback: bool,
) -> Authorization:
    """The web-server flow with PKCE; the user's browser comes back to a page on the loopback interface."""
    pkce = new_pkce()
    async with listen(callback_port) as callback:
        show_login(
            authorize_url(
                login_url,
                client_id=client_id,
                redirect_uri=callback.redirect_uri,
                challenge=pkce.challenge,
                state=callback.state,
                allow_insecure_loopback=loopback,
            )
        )
        return await exchange_code(
            session,
            login_url,
            client_id=client_id,
            client_secret=client_secret,
            code=await callback.code(),
            verifier=pkce.verifier,
            redirect_uri=callback.redirect_uri,
            allow_insecure_loopback=loopback,
        )


async def check_team(settings: Settings, team: str) -> list[Finding]:
    """Also kept, so that the team's status tells them."""
    async with team_org(settings, team) as (opened, org):
        found = await preflight.check(opened, org, team)
        await keep_checks(opened, team, found, clock.now_ms())
        return found


async def connections(settings: Settings) -> list[Connection]:
    async with store(settings) as opened:
        return await opened.connection_queries.active()


async def status(settings: Settings, team: str) -> TeamStatus:
    async with team_store(settings, team) as opened:
        return await team_status(opened, team, clock.now_ms())


async def request_backfill(
    settings: Settings, team: str, entity: Entity, *, since_ms: int | None, ids: Sequence[str], dry_run: bool
) -> Job:
    """Neither `since_ms` nor `ids`: all of the entity."""
    request = background.read_request(entity, since_ms=since_ms, ids=ids, dry_run=dry_run)
    async with team_store(settings, team) as opened:
        return await background.request_backfill(opened.jobs, team, request, clock.now_ms())


async def jobs(settings: Settings, team: str) -> list[Job]:
    async with team_store(settings, team) as opened:
        return [each async for each in opened.jobs.scan(team)]


async def job(settings: Settings, team: str, job_id: str) -> Job:
    async with team_store(settings, team) as opened:
        return await background.job_of(opened.jobs, team, job_id)


async def confirm_job(settings: Settings, team: str, job_id: str) -> Job:
    async with team_store(settings, team) as opened:
        return await background.confirm(opened.jobs, team, job_id, clock.now_ms())
