"""The pages of a login: verification code, consent, and what an app is told when it may not go on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.logins.pending import VERIFICATION_ATTEMPTS
from sandbox.org.server import RunningOrg, serve
from tests.integration.org.oauth.steps import (
    answer_of,
    authorization,
    authorized,
    exchange,
    log_in,
    login_page,
    submit,
    works,
)

VERIFICATION_CODE = "314159"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def verifying() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(verification_code=VERIFICATION_CODE, consent_page=True)) as running:
        yield running


async def test_password_verification_and_consent_lead_to_a_code(
    http: aiohttp.ClientSession, verifying: RunningOrg
) -> None:
    """help-page.md H2: a verification code may be asked."""
    page = await (await log_in(http, verifying)).text()
    assert "Verification Code" in page
    page = await (await submit(http, page, verifying.base_url, emc=f" {VERIFICATION_CODE} ")).text()
    assert "Allow Access?" in page
    assert re.findall("<li>(.*)</li>", page) == ["Manage user data via APIs", "Perform requests at any time"]
    answer = answer_of(await submit(http, page, verifying.base_url, action="allow"))
    assert answer["state"] == 'x"&y'
    status, reply = await exchange(http, verifying, answer["code"])
    assert status == 200
    assert await works(http, verifying, reply["access_token"])


async def test_an_app_that_was_allowed_does_not_ask_again(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(consent_page=True)) as org:
        page = await (await log_in(http, org)).text()
        answer_of(await submit(http, page, org.base_url, action="allow"))
        assert "code" in answer_of(await log_in(http, org))
        assert "Allow Access?" in await (await log_in(http, org, prompt="consent")).text()


async def test_consent_denied(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(consent_page=True)) as org:
        page = await (await log_in(http, org)).text()
        answer = answer_of(await submit(http, page, org.base_url, action="deny"))
        assert answer["error"] == "access_denied"
        again = await submit(http, page, org.base_url, action="allow")
        assert (again.status, "Location" in again.headers) == (400, False)


async def test_wrong_verification_codes_end_the_login(http: aiohttp.ClientSession, verifying: RunningOrg) -> None:
    first = await (await log_in(http, verifying)).text()
    for _ in range(VERIFICATION_ATTEMPTS - 1):
        reply = await submit(http, first, verifying.base_url, emc="000000")
        assert "is not right" in await reply.text()
    assert (await submit(http, first, verifying.base_url, emc="000000")).status == 400
    assert (await submit(http, first, verifying.base_url, emc=VERIFICATION_CODE)).status == 400


async def test_consent_cannot_skip_the_verification(http: aiohttp.ClientSession, verifying: RunningOrg) -> None:
    page = await (await log_in(http, verifying)).text()
    consent = page.replace(
        "/_ui/identity/verification/method/EmailVerificationFinishUi/e",
        "/setup/secur/RemoteAccessAuthorizationPage.apexp",
    )
    reply = await submit(http, consent, verifying.base_url, action="allow")
    assert "Verification Code" in await reply.text()


async def test_user_names_are_compared_without_case(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig()) as org:
        page, config = await login_page(http, org), org.org.config
        reply = await submit(http, page, org.base_url, username=f" {config.username.upper()} ", pw=config.password)
        assert "code" in answer_of(reply)


@pytest.mark.parametrize(
    ("config", "change", "error", "description"),
    [
        (OrgConfig(pkce_required=True), {"code_challenge": ""}, "invalid_request", "invalid code challenge"),
        (OrgConfig(), {"code_challenge": "tooshort"}, "invalid_request", "invalid code challenge"),
        (OrgConfig(), {"scope": "api everything"}, "invalid_scope", "the requested scope is not allowed"),
        (OrgConfig(app_access="blocked"), {}, "OAUTH_APP_BLOCKED", "this app is blocked by admin"),
        (
            OrgConfig(app_access="not approved"),
            {},
            "invalid_app_access",
            "user is not admin approved to access this app",
        ),
    ],
)
async def test_what_the_app_is_told(
    http: aiohttp.ClientSession, config: OrgConfig, change: dict[str, str], error: str, description: str
) -> None:
    async with await serve(config) as org:
        url, params = f"{org.base_url}/services/oauth2/authorize", authorization(org, **change)
        answer = answer_of(await http.get(url, params=params, allow_redirects=False))
    assert (answer["error"], answer["error_description"]) == (error, description)


@pytest.mark.parametrize("required", [True, False])
async def test_pkce_is_required_when_the_app_says_so(http: aiohttp.ClientSession, required: bool) -> None:
    async with await serve(OrgConfig(pkce_required=required)) as org:
        params = authorization(org)
        del params["code_challenge"], params["code_challenge_method"]
        url = f"{org.base_url}/services/oauth2/authorize"
        reply = await http.get(url, params=params, allow_redirects=False)
        assert reply.status == (302 if required else 200)
        if required:
            assert answer_of(reply)["error_description"] == "missing required code challenge"


async def test_a_restricted_address_gets_no_further_than_the_login_page(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(address_access="restricted")) as org:
        reply = await log_in(http, org)
        assert (reply.status, "network address" in await reply.text()) == (200, True)


async def test_blocking_the_app_ends_its_sessions(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig()) as org:
        reply = await authorized(http, org)
        blocked = await http.post(f"{org.base_url}/__admin__/login-policy", json={"app": "blocked"})
        assert await blocked.json() == {"app": "blocked", "address": "trusted"}
        assert not await works(http, org, reply["access_token"])
        wrong = await http.post(f"{org.base_url}/__admin__/login-policy", json={"app": "maybe"})
        assert wrong.status == 400
