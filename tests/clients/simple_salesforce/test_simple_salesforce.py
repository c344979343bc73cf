"""simple-salesforce, unmodified, does its whole job against the simulated org."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.clients.certificates import key_pem, new_key, self_signed, write_certificate

pytest.importorskip("simple_salesforce")

from simple_salesforce import Salesforce, SalesforceAuthenticationFailed

from tests.clients.simple_salesforce.hosts import session_to
from tests.clients.simple_salesforce.script import CHECKS, VERSION, Judge

INVALID_LOGIN = "Invalid username, password, security token; or user locked out."
Check = Callable[[Judge, Salesforce], None]


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return write_certificate(tmp_path)


@pytest.fixture
def app_key_pem() -> tuple[str, str]:
    """The private key of a JWT app, and the certificate registered for it."""
    key = new_key()
    return key_pem(key), self_signed(key)


@pytest.fixture
async def org(certificate: tuple[Path, Path], app_key_pem: tuple[str, str]) -> AsyncIterator[RunningOrg]:
    config = OrgConfig(
        contacts=60,
        leads=40,
        accounts=20,
        seed=11,
        certificate=certificate[0],
        private_key=certificate[1],
        password_flow_enabled=True,
        jwt_public_key=app_key_pem[1],
    )
    async with await serve(config) as running:
        yield running


@pytest.fixture
async def judge(org: RunningOrg, certificate: tuple[Path, Path]) -> AsyncIterator[Judge]:
    with session_to(org.base_url, certificate[0]) as session:
        yield Judge(org.credentials, session)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
async def test_a_session_by_soap_login(judge: Judge, check: Check) -> None:
    def run() -> None:
        check(judge, judge.log_in())

    await asyncio.to_thread(run)


async def test_a_wrong_password_is_told(judge: Judge) -> None:
    with pytest.raises(SalesforceAuthenticationFailed, match=f"code: INVALID_LOGIN.: {INVALID_LOGIN}"):
        await asyncio.to_thread(judge.log_in, password="wrong")


async def test_login_with_the_organization_instead_of_a_token(judge: Judge) -> None:
    salesforce = await asyncio.to_thread(
        lambda: judge.log_in(security_token=None, organizationId=judge.credentials["org_id"])
    )
    assert salesforce.auth_type == "ipfilter"


async def login_by_app(judge: Judge, **arguments: str) -> Salesforce:
    return await asyncio.to_thread(lambda: Salesforce(**arguments, session=judge.session, version=VERSION))


async def works(salesforce: Salesforce) -> bool:
    found = await asyncio.to_thread(salesforce.query, "SELECT COUNT() FROM Contact")
    return bool(found["totalSize"] == 60)


async def test_client_credentials(judge: Judge) -> None:
    key, secret = judge.credentials["client_id"], judge.credentials["client_secret"]
    salesforce = await login_by_app(judge, consumer_key=key, consumer_secret=secret, domain="simulated.my")
    assert salesforce.auth_type == "client-credentials"
    assert await works(salesforce)


async def test_password_flow(judge: Judge) -> None:
    login = {name: judge.credentials[name] for name in ("username", "password")}
    key, secret = judge.credentials["client_id"], judge.credentials["client_secret"]
    assert await works(await login_by_app(judge, **login, consumer_key=key, consumer_secret=secret))


async def test_jwt_bearer(judge: Judge, app_key_pem: tuple[str, str]) -> None:
    username, key = judge.credentials["username"], judge.credentials["client_id"]
    salesforce = await login_by_app(judge, username=username, consumer_key=key, privatekey=app_key_pem[0])
    assert salesforce.auth_type == "jwt-bearer"
    assert await works(salesforce)


async def test_jwt_bearer_with_another_key(judge: Judge) -> None:
    username, key = judge.credentials["username"], judge.credentials["client_id"]
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid assertion"):
        await login_by_app(judge, username=username, consumer_key=key, privatekey=key_pem(new_key()))
