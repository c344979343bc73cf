"""OAuth against the simulated org's login page and token endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from schemas.documents import Connection
from tests.support.waiting import until
from workers.adapters.salesforce.assertions import private_key
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import (
    Authorization,
    authorize_url,
    client_credentials,
    exchange_code,
    jwt_bearer,
    new_pkce,
)
from workers.adapters.salesforce.token_endpoint import Grant
from workers.adapters.salesforce.tokens import Tokens
from workers.ports import Refused, Unavailable
from workers.runtime.process import SystemClock

from .connected_team import TEAM, Connect, Setup, WallClock, connect_team

LEASED_AND_STORED = 3
"""The revision of a connection whose token was refreshed for the first time."""

CALLBACK = "http://localhost:1717/callback"


async def log_in(sandbox: RunningOrg, challenge: str) -> str:
    """What the administrator does in the browser; returns the code."""
    config = sandbox.org.config
    url = authorize_url(
        sandbox.base_url,
        client_id=config.client_id,
        redirect_uri=CALLBACK,
        challenge=challenge,
        state="s1",
        allow_insecure_loopback=True,
    )
    form = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(
            f"{sandbox.base_url}/services/oauth2/authorize",
            data={**form, "username": config.username, "pw": config.password},
            allow_redirects=False,
        ) as reply,
    ):
        answer = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert answer["state"] == ["s1"]
    return answer["code"][0]


async def authorised(sandbox: RunningOrg, session: aiohttp.ClientSession) -> Authorization:
    pkce = new_pkce()
    return await exchange(sandbox, session, await log_in(sandbox, pkce.challenge), pkce.verifier)


async def exchange(sandbox: RunningOrg, session: aiohttp.ClientSession, code: str, verifier: str) -> Authorization:
    return await exchange_code(
        session,
        sandbox.base_url,
        client_id=sandbox.org.config.client_id,
        client_secret=sandbox.org.config.client_secret,
        code=code,
        verifier=verifier,
        redirect_uri=CALLBACK,
        allow_insecure_loopback=True,
    )


@pytest.fixture
async def rotating() -> AsyncIterator[Setup]:
    """A team connected by the web-server flow to an org that rotates refresh tokens."""
    sandbox = await serve(OrgConfig(rotate_refresh_tokens=True))
    session = open_session()
    setup = await connect_team(sandbox, session, await authorised(sandbox, session), "authorization_code")
    yield setup
    await setup.orgs.close()
    await sandbox.close()


def tokens_of(setup: Setup, connection: Connection | None = None) -> Tokens:
    """What another process would hold."""
    return Tokens(
        connection or setup.connection,
        setup.store.connections,
        setup.cipher,
        setup.session,
        WallClock(),
        allow_insecure_loopback=True,
    )


async def test_the_web_server_flow_ends_in_a_working_connection(rotating: Setup) -> None:
    assert rotating.connection.org_id == rotating.sandbox.org.organization_id
    assert await rotating.org.fields("contact")


async def test_a_wrong_code_verifier_is_refused(rotating: Setup) -> None:
    code = await log_in(rotating.sandbox, new_pkce().challenge)
    with pytest.raises(Refused, match="invalid_grant"):
        await exchange(rotating.sandbox, rotating.session, code, new_pkce().verifier)


async def test_a_wrong_client_secret_is_refused_and_not_repeated_in_the_message(connect: Connect) -> None:
    setup = await connect()
    with pytest.raises(Refused, match="check the client secret") as refused:
        await client_credentials(
            setup.session,
            setup.sandbox.base_url,
            client_id=setup.connection.client_id,
            client_secret="not-the-secret",
            allow_insecure_loopback=True,
        )
    assert "not-the-secret" not in str(refused.value)


async def test_a_changed_client_secret_names_the_team_and_the_remedy(connect: Connect) -> None:
    setup = await connect()
    object.__setattr__(setup.sandbox.org.config, "client_secret", "CHANGED")
    with pytest.raises(Refused, match=r"team acme .*segment-sync connections connect acme"):
        await setup.org.fields("contact")


async def test_a_login_host_that_is_down_is_unavailable(connect: Connect) -> None:
    setup = await connect()
    host = setup.sandbox.base_url.removeprefix("http://")
    await setup.sandbox.close()
    with pytest.raises(Unavailable, match=host):
        await tokens_of(setup).access()


async def test_concurrent_callers_cause_one_refresh(rotating: Setup) -> None:
    tokens = tokens_of(rotating)
    found = await asyncio.gather(*(tokens.access() for _ in range(20)))
    assert len({access.token for access in found}) == 1
    assert (await rotating.stored()).rev == LEASED_AND_STORED


async def test_a_rotated_refresh_token_is_stored_and_used_next(rotating: Setup) -> None:
    tokens = tokens_of(rotating)
    first = await tokens.access()
    stored = rotating.cipher.open(TEAM, (await rotating.stored()).secret)
    assert stored["refresh_token"] != rotating.cipher.open(TEAM, rotating.connection.secret)["refresh_token"]
    assert (await tokens.renew(first)).token != first.token
    assert (await rotating.stored()).rev == LEASED_AND_STORED + 2


async def test_sixteen_processes_cause_one_refresh_per_expiry(rotating: Setup) -> None:
    processes = [tokens_of(rotating) for _ in range(16)]
    grants: list[str] = []
    for tokens in processes:
        count_grants(tokens, grants)
    for expiries in range(1, 6):
        found = await asyncio.gather(*(tokens.access() for tokens in processes))
        assert len({access.token for access in found}) == 1
        assert len(grants) == expiries
        rotating.sandbox.tokens.revoke_access_tokens()
        for tokens, access in zip(processes, found, strict=True):
            tokens.discard(access)


def count_grants(tokens: Tokens, grants: list[str]) -> None:
    granted = tokens._grant

    async def counted(secret: dict[str, str]) -> Grant:
        grants.append(secret["refresh_token"])
        return await granted(secret)

    tokens._grant = counted  # type: ignore[method-assign]


async def test_a_process_that_starts_uses_the_token_that_is_there(rotating: Setup) -> None:
    access = await tokens_of(rotating).access()
    before = await rotating.stored()
    assert await tokens_of(rotating).access() == access
    assert await rotating.stored() == before


async def test_the_lease_of_a_process_that_died_ends(rotating: Setup) -> None:
    leased = (await rotating.stored()).model_copy(update={"refresh_until_ms": WallClock().now_ms() + 300})
    assert not await rotating.store.connections.swap([leased])
    tokens = tokens_of(rotating)
    clock = Steps(WallClock().now_ms())
    tokens._clock = clock
    waiting = asyncio.create_task(tokens.access())
    await until(lambda: clock.looks >= 2)
    assert not waiting.done()
    clock.at_ms += 300
    assert await waiting


class Steps:
    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms
        self.looks = 0

    def now_ms(self) -> int:
        self.looks += 1
        return self.at_ms


async def test_a_lease_from_the_far_future_is_none(rotating: Setup) -> None:
    leased = (await rotating.stored()).model_copy(update={"refresh_until_ms": WallClock().now_ms() + 10**9})
    assert not await rotating.store.connections.swap([leased])
    assert await tokens_of(rotating).access()


async def test_a_jwt_bearer_needs_no_refresh_token(private_pem: str, public_pem: str) -> None:
    sandbox = await serve(OrgConfig(jwt_public_key=public_pem))
    session, config = open_session(), sandbox.org.config
    authorization = await jwt_bearer(
        session,
        sandbox.base_url,
        client_id=config.client_id,
        username=config.username,
        private_key=private_pem,
        now_ms=time.time_ns() // 1_000_000,
        allow_insecure_loopback=True,
    )
    setup = await connect_team(sandbox, session, authorization, "jwt_bearer")
    tokens = tokens_of(setup)
    tokens._clock = SystemClock()
    access = await tokens.access()
    setup.sandbox.tokens.revoke_access_tokens()
    assert (await tokens.renew(access)).token != access.token
    assert private_pem not in repr((setup, authorization, tokens))
    await setup.orgs.close()
    await sandbox.close()


async def test_a_key_that_is_none_is_refused_without_being_shown() -> None:
    with pytest.raises(Refused, match="no unencrypted RSA key") as refused:
        private_key("not a key")
    assert "not a key" not in str(refused.value)


@pytest.fixture(scope="module")
def rsa_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def private_pem(rsa_key: RSAPrivateKey) -> str:
    return rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def public_pem(rsa_key: RSAPrivateKey) -> str:
    return rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


async def test_another_process_with_an_old_document_takes_the_stored_token(rotating: Setup) -> None:
    await tokens_of(rotating).access()
    assert await tokens_of(rotating, rotating.connection).access()


async def test_a_refused_refresh_token_is_read_again_before_it_is_believed(rotating: Setup) -> None:
    """Another process rotates and stores between our read and our request."""
    tokens = tokens_of(rotating)
    granted = tokens._grant

    async def overtaken(secret: dict[str, str]) -> object:
        tokens._grant = granted  # type: ignore[method-assign]
        fresh = await authorised(rotating.sandbox, rotating.session)
        rotating.sandbox.tokens.revoke(secret["refresh_token"])
        newer = (await rotating.stored()).model_copy(update={"secret": rotating.cipher.seal(TEAM, fresh.secret)})
        assert not await rotating.store.connections.swap([newer])
        return await granted(secret)

    tokens._grant = overtaken  # type: ignore[method-assign,assignment]
    assert await tokens.access()


async def test_a_revoked_refresh_token_is_refused_with_the_remedy(rotating: Setup) -> None:
    rotating.sandbox.tokens.revoke_all()
    with pytest.raises(Refused, match=r"expired access/refresh token.*connections connect acme"):
        await rotating.org.fields("contact")


async def test_a_dead_refresh_token_is_tried_by_one_process_only(rotating: Setup) -> None:
    processes = [tokens_of(rotating) for _ in range(16)]
    grants: list[str] = []
    for tokens in processes:
        count_grants(tokens, grants)
    rotating.sandbox.tokens.revoke_all()
    told = await asyncio.gather(*(tokens.access() for tokens in processes), return_exceptions=True)
    assert all("connections connect acme" in str(refused) for refused in told)
    assert len(grants) == 1

    fresh = await authorised(rotating.sandbox, rotating.session)
    connected = (await rotating.stored()).model_copy(update={"secret": rotating.cipher.seal(TEAM, fresh.secret)})
    assert not await rotating.store.connections.swap([connected])
    assert await processes[0].access()


async def test_a_caller_that_is_cancelled_does_not_lose_the_rotated_token(rotating: Setup) -> None:
    tokens = tokens_of(rotating)
    impatient = asyncio.create_task(tokens.access())
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    await tokens.close()
    assert (await rotating.stored()).rev == LEASED_AND_STORED
    assert await tokens_of(rotating).access()


async def test_a_token_that_cannot_be_stored_is_not_used_until_it_is(rotating: Setup) -> None:
    tokens = tokens_of(rotating)
    swap = rotating.store.connections.swap

    async def down(documents: object) -> list[Connection]:
        raise Unavailable("MongoDB does not answer")

    rotating.store.connections.swap = down  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="MongoDB"):
        await tokens.access()
    rotating.store.connections.swap = swap  # type: ignore[method-assign]
    assert await tokens.access()


async def test_a_token_of_another_org_is_refused(rotating: Setup) -> None:
    other = rotating.connection.model_copy(update={"org_id": "00D000000000000EAA"})
    assert not await rotating.store.connections.swap([other])
    with pytest.raises(Refused, match="was connected to org 00D000000000000EAA"):
        await tokens_of(rotating, other).access()


async def test_a_team_connected_to_another_org_meanwhile_must_be_opened_again(rotating: Setup) -> None:
    tokens = tokens_of(rotating)
    other = rotating.connection.model_copy(update={"org_id": "00D000000000000EAA"})
    assert not await rotating.store.connections.swap([other])
    with pytest.raises(Unavailable, match="another org"):
        await tokens.access()


async def test_a_connection_that_is_not_stored_spends_no_refresh_token(rotating: Setup) -> None:
    unstored = rotating.connection.model_copy(update={"team": "new", "rev": 0})
    with pytest.raises(Refused, match="team new"):
        await tokens_of(rotating, unstored).access()


async def test_a_new_revision_keeps_the_client_and_another_org_does_not(rotating: Setup) -> None:
    org = rotating.org
    newer = rotating.connection.model_copy(update={"rev": 9, "state": "needs_reconnect"})
    assert rotating.orgs.org(newer) is org
    assert rotating.orgs.org(newer.model_copy(update={"org_id": "00D000000000000EAA"})) is not org


async def test_an_org_elsewhere_is_not_opened(rotating: Setup) -> None:
    with pytest.raises(Refused, match="no Salesforce address"):
        rotating.orgs.org(rotating.connection.model_copy(update={"team": "x", "instance_url": "http://10.0.0.1"}))


async def test_no_secret_shows_in_any_repr(rotating: Setup) -> None:
    access = await tokens_of(rotating).access()
    secret = rotating.cipher.open(TEAM, rotating.connection.secret)
    shown = repr((access, tokens_of(rotating), Authorization("00D", "https://x", secret), new_pkce()))
    assert not [value for value in (access.token, *secret.values()) if value in shown]
