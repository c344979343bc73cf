"""OAuth over HTTP, as a browser and an app would do it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.integration.org.oauth.steps import CALLBACK, authorization, code_of, exchange, submit, token, works


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig()) as running:
        yield running


async def test_web_server_flow(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    status, reply = await exchange(http, org, await code_of(http, org))
    assert status == 200
    assert await works(http, org, reply["access_token"])
    assert reply["access_token"].startswith(org.org.organization_id[:15] + "!")
    assert reply["instance_url"] == org.base_url
    assert reply["scope"] == "api refresh_token"
    assert "expires_in" not in reply
    assert reply["id"].endswith(f"/id/{org.org.organization_id}/{org.org.admin_user_id}")
    signed = (reply["id"] + reply["issued_at"]).encode()
    expected = hmac.new(org.org.config.client_secret.encode(), signed, hashlib.sha256).digest()
    assert base64.b64decode(reply["signature"]) == expected


async def test_login_page_names_the_app_and_refuses_wrong_passwords(
    http: aiohttp.ClientSession, org: RunningOrg
) -> None:
    page = await http.get(f"{org.base_url}/services/oauth2/authorize", params=authorization(org))
    text = await page.text()
    assert "Segment Sync" in text
    reply = await submit(http, text, org.base_url, username=org.org.config.username, pw="wrong")
    assert reply.status == 200
    assert "Please check your username and password" in await reply.text()


async def test_denied(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    page = await http.get(f"{org.base_url}/services/oauth2/authorize", params=authorization(org))
    reply = await submit(http, await page.text(), org.base_url, action="deny")
    answer = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert answer["error"] == ["access_denied"]
    assert answer["state"] == ['x"&y']


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "nobody"}, "error=invalid_client_id&amp;error_description=client identifier invalid"),
        ({"redirect_uri": "ftp://elsewhere"}, "redirect_uri must match configuration"),
    ],
)
async def test_nothing_is_sent_to_an_unchecked_address(
    http: aiohttp.ClientSession, org: RunningOrg, change: dict[str, str], error: str
) -> None:
    params = authorization(org, **change)
    reply = await http.get(f"{org.base_url}/services/oauth2/authorize", params=params, allow_redirects=False)
    assert reply.status == 400
    assert error in await reply.text()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_errors_that_go_back_to_the_app(
    http: aiohttp.ClientSession, org: RunningOrg, change: dict[str, str], error: str
) -> None:
    params = authorization(org, **change)
    reply = await http.get(f"{org.base_url}/services/oauth2/authorize", params=params, allow_redirects=False)
    assert reply.status == 302
    assert parse_qs(urlsplit(reply.headers["Location"]).query)["error"] == [error]


@pytest.mark.parametrize(
    ("change", "error", "description"),
    [
        ({"code": "made up"}, "invalid_grant", "expired authorization code"),
        ({"code_verifier": "another"}, "invalid_grant", "invalid code verifier"),
        ({"redirect_uri": CALLBACK + "/x"}, "redirect_uri_mismatch", "redirect_uri must match configuration"),
        ({"client_secret": "wrong"}, "invalid_client", "invalid client credentials"),
        ({"client_id": "wrong"}, "invalid_client_id", "client identifier invalid"),
        ({"grant_type": "magic"}, "unsupported_grant_type", "grant type not supported"),
        ({"grant_type": "refresh_token"}, "invalid_grant", "expired access/refresh token"),
        ({"grant_type": "password", "username": "x", "password": "y"}, "invalid_grant", "authentication failure"),
    ],
)
async def test_refused_token_requests(
    http: aiohttp.ClientSession, org: RunningOrg, change: dict[str, str], error: str, description: str
) -> None:
    status, reply = await exchange(http, org, await code_of(http, org), **change)
    assert (status, reply) == (400, {"error": error, "error_description": description})


async def test_missing_grant_type(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    status, reply = await token(http, org)
    assert (status, reply["error_description"]) == (400, "missing required parameter: grant_type")


async def test_a_code_works_once(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    code = await code_of(http, org)
    assert (await exchange(http, org, code))[0] == 200
    assert (await exchange(http, org, code))[0] == 400


async def test_refresh_without_rotation_keeps_the_token(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    _, first = await exchange(http, org, await code_of(http, org))
    for _ in range(2):
        status, again = await token(http, org, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert status == 200
        assert "refresh_token" not in again
        assert again["access_token"] != first["access_token"]


async def test_reuse_of_a_rotated_token_ends_the_family(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(rotate_refresh_tokens=True)) as org:
        _, first = await exchange(http, org, await code_of(http, org))
        _, second = await token(http, org, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert await works(http, org, second["access_token"])
        assert second["refresh_token"] != first["refresh_token"]
        status, _ = await token(http, org, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert status == 400
        assert not await works(http, org, second["access_token"])
        assert (await token(http, org, grant_type="refresh_token", refresh_token=second["refresh_token"]))[0] == 400


async def test_client_credentials_in_the_body_or_as_basic(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    status, reply = await token(http, org, grant_type="client_credentials")
    assert status == 200
    assert "refresh_token" not in reply
    basic = aiohttp.encode_basic_auth(org.org.config.client_id, org.org.config.client_secret)
    url, data = f"{org.base_url}/services/oauth2/token", {"grant_type": "client_credentials"}
    headers = {"Authorization": basic}
    assert (await http.post(url, data=data, headers=headers)).status == 200


async def test_password_flow_when_the_org_allows_it(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(password_flow_enabled=True)) as org:
        config = org.org.config
        login = {"grant_type": "password", "username": config.username}
        assert (await token(http, org, **login, password=config.password + config.security_token))[0] == 200
        assert (await token(http, org, **login, password=config.password + "x"))[0] == 400


async def test_access_tokens_expire_when_configured(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(access_token_lifetime_seconds=0)) as org:
        _, reply = await token(http, org, grant_type="client_credentials")
        assert not await works(http, org, reply["access_token"])


async def test_revoking_a_refresh_token_ends_its_sessions(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    _, reply = await exchange(http, org, await code_of(http, org))
    _, other = await token(http, org, grant_type="client_credentials")
    url = f"{org.base_url}/services/oauth2/revoke"
    assert (await http.post(url, data={"token": reply["refresh_token"]})).status == 200
    assert not await works(http, org, reply["access_token"])
    assert await works(http, org, other["access_token"])
    assert (await http.get(url, params={"token": other["access_token"]})).status == 200
    assert not await works(http, org, other["access_token"])
    assert (await http.post(url, data={"token": "made up"})).status == 400


async def test_identity_and_userinfo(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    _, reply = await token(http, org, grant_type="client_credentials")
    headers = {"Authorization": f"Bearer {reply['access_token']}"}
    info = await (await http.get(f"{org.base_url}/services/oauth2/userinfo", headers=headers)).json()
    assert info["preferred_username"] == org.org.config.username
    assert info["urls"]["rest"] == f"{org.base_url}/services/data/v{{version}}/"
    who = await (await http.get(reply["id"], params={"version": "latest"}, headers=headers)).json()
    assert who["user_id"] == info["user_id"] == org.org.admin_user_id
    assert who["urls"]["rest"] == f"{org.base_url}/services/data/v66.0/"
    assert (await http.get(reply["id"])).status == 403
