"""The steps of OAuth as a browser and an app take them."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import aiohttp

from sandbox.org.server import RunningOrg

CALLBACK = "http://localhost:9/callback"
# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def authorization(org: RunningOrg, **changes: str) -> dict[str, str]:
    wanted = {
        "response_type": "code",
        "client_id": org.org.config.client_id,
        "redirect_uri": CALLBACK,
        "scope": "api refresh_token",
        "state": 'x"&y',
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return wanted | changes


async def submit(http: aiohttp.ClientSession, page: str, base_url: str, **typed: str) -> aiohttp.ClientResponse:
    """Send the form of a login page with its hidden fields, without following the redirect."""
    action = re.search(r'<form method="post" action="([^"]+)"', page)
    assert action is not None
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    fields = {name: unescape(value) for name, value in hidden} | typed
    return await http.post(base_url + action[1], data=fields, allow_redirects=False)


async def code_of(http: aiohttp.ClientSession, org: RunningOrg, **changes: str) -> str:
    page = await http.get(f"{org.base_url}/services/oauth2/authorize", params=authorization(org, **changes))
    config = org.org.config
    reply = await submit(http, await page.text(), org.base_url, username=config.username, pw=config.password)
    assert reply.status == 302, await reply.text()
    answer = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert answer["state"] == ['x"&y']
    return answer["code"][0]


async def token(http: aiohttp.ClientSession, org: RunningOrg, **fields: str) -> tuple[int, dict[str, str]]:
    config = org.org.config
    form = {"client_id": config.client_id, "client_secret": config.client_secret} | fields
    reply = await http.post(f"{org.base_url}/services/oauth2/token", data=form)
    return reply.status, await reply.json()


async def exchange(
    http: aiohttp.ClientSession, org: RunningOrg, good_code: str, **changes: str
) -> tuple[int, dict[str, str]]:
    fields = {
        "grant_type": "authorization_code",
        "code": good_code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return await token(http, org, **(fields | changes))


async def works(http: aiohttp.ClientSession, org: RunningOrg, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    reply = await http.get(f"{org.base_url}/services/data/v62.0/limits", headers=headers)
    assert reply.status in {200, 401}
    return reply.status == 200


async def login_page(http: aiohttp.ClientSession, org: RunningOrg, **changes: str) -> str:
    page = await http.get(f"{org.base_url}/services/oauth2/authorize", params=authorization(org, **changes))
    return await page.text()


async def log_in(http: aiohttp.ClientSession, org: RunningOrg, **changes: str) -> aiohttp.ClientResponse:
    """What follows the right user name and password."""
    config = org.org.config
    page = await login_page(http, org, **changes)
    return await submit(http, page, org.base_url, username=config.username, pw=config.password)


def answer_of(reply: aiohttp.ClientResponse) -> dict[str, str]:
    """What the app is told by the redirect that ends a login."""
    assert reply.status == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()}


async def authorized(http: aiohttp.ClientSession, org: RunningOrg) -> dict[str, str]:
    """The token reply of a whole web server flow."""
    status, reply = await exchange(http, org, await code_of(http, org))
    assert status == 200, reply
    return reply


async def refreshed(http: aiohttp.ClientSession, org: RunningOrg, refresh_token: str) -> tuple[int, dict[str, str]]:
    return await token(http, org, grant_type="refresh_token", refresh_token=refresh_token)
