"""Whatever is sent to the login surfaces is answered: refused, never an error of the server's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import product

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.integration.org.oauth.steps import CALLBACK

OAUTH = "/services/oauth2"
PATHS = [
    *(f"{OAUTH}/{name}" for name in ("token", "authorize", "introspect", "revoke", "userinfo")),
    "/services/Soap/u/62.0",
    "/services/Soap/c/\u0661\u0662",
    "/_ui/identity/verification/method/EmailVerificationFinishUi/e",
    "/setup/secur/RemoteAccessAuthorizationPage.apexp",
    "/id/x/y",
    "/__admin__/login-policy",
]
BODIES = [
    b"",
    b"\xff\xfe",
    b"grant_type=%ff&client_id=%00&token=%ED%A0%80&ticket=%F0",
    b"grant_type=client_credentials&client_id=+2AA-",
    b"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c",
    b'--x\r\nContent-Disposition: form-data; name="token"; filename="a"\r\n\r\nabc',
    b"a&" * 2000,
    b'{"app": ["blocked"]}',
    b'{"address": {}, "app": null}',
]
TYPES = [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-7",
    "application/x-www-form-urlencoded; charset=klingon",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/xml; charset=utf-16",
]
AUTHORIZATIONS = ["Basic", "Basic !!", "Basic /w==", "Bearer", "Bearer \u00e9", "Negotiate x"]


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig()) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
async def test_bodies_of_any_kind(org: RunningOrg, path: str) -> None:
    async with aiohttp.ClientSession() as http:
        for body, content_type, method in product(BODIES, TYPES, ("GET", "POST")):
            url, headers = org.base_url + path, {"Content-Type": content_type}
            reply = await http.request(method, url, data=body, headers=headers, allow_redirects=False)
            text = await reply.text(errors="replace")
            assert reply.status < 500 or "<soapenv:Fault>" in text, (body, content_type, method)
            assert reply.status >= 400 or "access_token" not in text


@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
async def test_authorizations_of_any_kind(org: RunningOrg, authorization: str) -> None:
    async with aiohttp.ClientSession() as http:
        headers, form = {"Authorization": authorization}, {"grant_type": "client_credentials", "token": "x"}
        for name in ("token", "introspect"):
            assert (await http.post(f"{org.base_url}{OAUTH}/{name}", data=form, headers=headers)).status == 400
        assert (await http.get(f"{org.base_url}{OAUTH}/userinfo", headers=headers)).status == 403


@pytest.mark.parametrize("part", ["state", "redirect_uri", "scope", "nonce", "login_hint"])
@pytest.mark.parametrize("value", ["\r\nSet-Cookie: a=b", "%ED%A0%80", '"><script>', "\u20ac\x00"])
async def test_nothing_gets_out_of_its_place(org: RunningOrg, part: str, value: str) -> None:
    config = org.org.config
    params = {"client_id": config.client_id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "api"}
    form = {**params, "username": config.username, "pw": config.password, part: params.get(part, "") + value}
    async with aiohttp.ClientSession() as http:
        url = f"{org.base_url}{OAUTH}/authorize"
        for reply in (
            await http.post(url, data=form, allow_redirects=False),
            await http.get(url, params=form, allow_redirects=False),
        ):
            assert reply.status in {200, 302, 400}
            assert "Set-Cookie" not in reply.headers
            assert "<script>" not in await reply.text()
