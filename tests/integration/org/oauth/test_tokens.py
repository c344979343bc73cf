"""Tokens: JWT bearer, introspection, approvals, refusals, formats, revocation. Sources: salesforce-answers.md 4."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qs

import aiohttp
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.clients.certificates import new_key, self_signed
from tests.integration.org.oauth.steps import authorized, code_of, exchange, refreshed, token, works

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXPIRED = {"error": "invalid_grant", "error_description": "expired access/refresh token"}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig()) as running:
        yield running


@pytest.fixture(scope="module")
def app_key() -> RSAPrivateKey:
    return new_key()


def signed(key: RSAPrivateKey, claims: dict[str, object], algorithm: str = "RS256") -> str:
    text = ".".join(b64url(orjson.dumps(part)) for part in ({"alg": algorithm}, claims))
    return f"{text}.{b64url(key.sign(text.encode(), PKCS1v15(), SHA256()))}"


def claims_for(org: RunningOrg) -> dict[str, object]:
    config = org.org.config
    return {
        "iss": config.client_id,
        "sub": config.username,
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 120,
    }


def changed_claims(org: RunningOrg, change: Mapping[str, object]) -> dict[str, object]:
    """With ``in N seconds`` counted from now, which is minutes after the tests were collected; as text."""
    ahead = re.fullmatch(r"in (\d+) seconds", str(change.get("exp")))
    claims = claims_for(org) | dict(change)
    return claims if ahead is None else claims | {"exp": str(int(time.time()) + int(ahead[1]))}


async def by_jwt(http: aiohttp.ClientSession, org: RunningOrg, assertion: str) -> tuple[int, dict[str, str]]:
    url, form = f"{org.base_url}/services/oauth2/token", {"grant_type": JWT_BEARER, "assertion": assertion}
    reply = await http.post(url, data=form)
    return reply.status, await reply.json()


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"exp": "in 120 seconds"},
        {"exp": int(time.time() * 1000) + 300},
        {"aud": ["https://test.salesforce.com/"]},
        {"aud": "the org"},
    ],
)
async def test_jwt_bearer(http: aiohttp.ClientSession, app_key: RSAPrivateKey, change: dict[str, object]) -> None:
    """Without client secret; no refresh token comes back (salesforce.md 3). Some send exp as text, or in ms."""
    async with await serve(OrgConfig(jwt_public_key=self_signed(app_key))) as org:
        claims = changed_claims(org, change)
        if claims["aud"] == "the org":
            claims["aud"] = org.base_url
        status, reply = await by_jwt(http, org, signed(app_key, claims))
        assert (status, "refresh_token" in reply) == (200, False)
        assert await works(http, org, reply["access_token"])


@pytest.mark.parametrize(
    ("change", "error", "description"),
    [
        ({"exp": 1}, "invalid_grant", "expired authorization code"),
        ({"exp": int(time.time() * 1000)}, "invalid_grant", "expired authorization code"),
        ({"exp": "in 400 seconds"}, "invalid_grant", "expired authorization code"),
        ({"exp": "soon"}, "invalid_grant", "invalid assertion"),
        ({"exp": "inf"}, "invalid_grant", "invalid assertion"),
        ({"aud": "https://elsewhere.example"}, "invalid_grant", "Audience validation failed"),
        ({"sub": "nobody@org.example"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"iss": "another app"}, "invalid_client_id", "client identifier invalid"),
    ],
)
async def test_refused_assertions(
    http: aiohttp.ClientSession, app_key: RSAPrivateKey, change: dict[str, object], error: str, description: str
) -> None:
    config = OrgConfig(jwt_public_key=self_signed(app_key), jwt_window_seconds=180)
    async with await serve(config) as org:
        status, reply = await by_jwt(http, org, signed(app_key, changed_claims(org, change)))
    assert (status, reply) == (400, {"error": error, "error_description": description})


async def test_an_assertion_needs_the_registered_key(http: aiohttp.ClientSession, app_key: RSAPrivateKey) -> None:
    async with await serve(OrgConfig(jwt_public_key=self_signed(new_key()))) as org:
        assert (await by_jwt(http, org, signed(app_key, claims_for(org))))[1][
            "error_description"
        ] == "invalid assertion"
    async with await serve(OrgConfig()) as org:
        assert (await by_jwt(http, org, signed(app_key, claims_for(org))))[0] == 400


async def test_a_user_approves_in_the_browser_before_a_jwt_works(
    http: aiohttp.ClientSession, app_key: RSAPrivateKey
) -> None:
    async with await serve(OrgConfig(jwt_public_key=self_signed(app_key), jwt_users_approved=False)) as org:
        _, reply = await by_jwt(http, org, signed(app_key, claims_for(org)))
        assert reply["error_description"] == "user hasn't approved this consumer"
        await authorized(http, org)
        assert (await by_jwt(http, org, signed(app_key, claims_for(org))))[0] == 200


async def test_a_key_that_is_none_is_told_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"(?i)pem"):
        await serve(OrgConfig(jwt_public_key="-----BEGIN NONSENSE-----"))


async def introspected(http: aiohttp.ClientSession, org: RunningOrg, one: str) -> dict[str, object]:
    basic = aiohttp.encode_basic_auth(org.org.config.client_id, org.org.config.client_secret)
    url = f"{org.base_url}/services/oauth2/introspect"
    reply = await http.post(url, data={"token": one}, headers={"Authorization": basic})
    assert reply.status == 200
    body: dict[str, object] = await reply.json()
    return body


async def test_introspection_tells_how_long_a_token_lives(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(access_token_lifetime_seconds=900)) as org:
        granted, config = await authorized(http, org), org.org.config
        access = await introspected(http, org, granted["access_token"])
        issued_at = access.pop("iat")
        assert isinstance(issued_at, int)
        assert access == {
            "active": True,
            "scope": "api refresh_token",
            "client_id": config.client_id,
            "username": config.username,
            "sub": granted["id"],
            "token_type": "access_token",
            "exp": issued_at + 900,
            "nbf": issued_at,
        }
        refresh = await introspected(http, org, granted["refresh_token"])
        assert (refresh["token_type"], "exp" in refresh) == ("refresh_token", False)
        org.tokens.revoke(granted["refresh_token"])
        for one in ("access_token", "refresh_token"):
            assert await introspected(http, org, granted[one]) == {"active": False}


async def test_sessions_of_the_password_flow_cannot_be_introspected(http: aiohttp.ClientSession) -> None:
    """salesforce-answers.md 1, password-flow block: a session id without scope."""
    async with await serve(OrgConfig(password_flow_enabled=True)) as org:
        config = org.org.config
        _, reply = await token(http, org, grant_type="password", username=config.username, password=config.password)
        assert "scope" not in reply
        assert await introspected(http, org, reply["access_token"]) == {"active": False}


async def test_introspection_is_for_the_app_alone(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    url, form = f"{org.base_url}/services/oauth2/introspect", {"token": "x", "client_id": org.org.config.client_id}
    reply = await http.post(url, data=form)
    assert (reply.status, (await reply.json())["error"]) == (400, "invalid_client")


async def test_the_sixth_approval_ends_the_oldest_without_a_word(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    """salesforce-answers.md 4: more than five approvals of one app by one user."""
    granted = [await authorized(http, org) for _ in range(6)]
    statuses = [(await refreshed(http, org, one["refresh_token"]))[0] for one in granted]
    assert statuses == [400, 200, 200, 200, 200, 200]
    assert (await refreshed(http, org, granted[0]["refresh_token"]))[1] == EXPIRED


async def test_rotation_does_not_use_up_approvals(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(rotate_refresh_tokens=True, approvals_per_user=2)) as org:
        granted = [await authorized(http, org) for _ in range(2)]
        last = granted[1]["refresh_token"]
        for _ in range(4):
            last = (await refreshed(http, org, last))[1]["refresh_token"]
        assert (await refreshed(http, org, granted[0]["refresh_token"]))[0] == 200


async def test_reuse_of_a_rotated_token_may_leave_the_family_alone(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(rotate_refresh_tokens=True, reuse_revokes_family=False)) as org:
        first = await authorized(http, org)
        _, second = await refreshed(http, org, first["refresh_token"])
        assert await refreshed(http, org, first["refresh_token"]) == (400, EXPIRED)
        assert await works(http, org, second["access_token"])
        assert (await refreshed(http, org, second["refresh_token"]))[0] == 200


@pytest.mark.parametrize(
    ("config", "error", "description"),
    [
        (OrgConfig(address_access="restricted"), "invalid_grant", "ip restricted"),
        (OrgConfig(app_access="blocked"), "OAUTH_APP_BLOCKED", "this app is blocked by admin"),
        (
            OrgConfig(app_access="not approved"),
            "invalid_app_access",
            "user is not admin approved to access this app",
        ),
        (OrgConfig(client_credentials_enabled=False), "invalid_grant", "no client credentials user enabled"),
    ],
)
async def test_refusals_by_the_administrator(
    http: aiohttp.ClientSession, config: OrgConfig, error: str, description: str
) -> None:
    async with await serve(config) as org:
        status, reply = await token(http, org, grant_type="client_credentials")
    assert (status, reply) == (400, {"error": error, "error_description": description})


async def test_an_unknown_address_needs_the_security_token(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(password_flow_enabled=True, address_access="unknown")) as org:
        config = org.org.config
        login = {"grant_type": "password", "username": config.username}
        assert (await token(http, org, **login, password=config.password))[0] == 400
        assert (await token(http, org, **login, password=config.password + config.security_token))[0] == 200


@pytest.mark.parametrize("by_header", [True, False])
async def test_token_replies_as_xml_and_urlencoded(
    http: aiohttp.ClientSession, org: RunningOrg, by_header: bool
) -> None:
    config, url = org.org.config, f"{org.base_url}/services/oauth2/token"
    form = {"grant_type": "client_credentials", "client_id": config.client_id, "client_secret": config.client_secret}

    async def ask(name: str) -> aiohttp.ClientResponse:
        if by_header:
            return await http.post(url, data=form, headers={"Accept": name})
        return await http.post(url, data=form | {"format": name})

    xml = await ask("application/xml" if by_header else "xml")
    assert xml.content_type == "application/xml"
    assert f"<OAuth><access_token>{org.org.organization_id[:15]}!" in await xml.text()
    encoded = await ask("application/x-www-form-urlencoded" if by_header else "urlencoded")
    assert parse_qs(await encoded.text())["instance_url"] == [org.base_url]
    assert (await (await ask("application/json" if by_header else "json")).json())["instance_url"] == org.base_url


async def test_revocation_by_get_and_by_script(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    url, access_token = f"{org.base_url}/services/oauth2/revoke", org.access_token
    assert (await http.get(url, params={"token": access_token})).status == 200
    assert not await works(http, org, access_token)
    again = await http.get(url, params={"token": access_token})
    assert (again.status, (await again.json())["error"]) == (400, "invalid_token")
    script = await http.get(url, params={"token": org.tokens.issue(org.org.admin_user_id), "callback": "done"})
    assert await script.text() == "done({});"
    script = await http.get(url, params={"token": access_token, "callback": "done"})
    assert await script.text() == 'done({"error":"invalid_token"});'
    assert (await http.get(url, params={"token": "x", "callback": "alert(1)//"})).status == 400


async def test_discovery_names_the_endpoints_that_answer(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    reply = await http.get(f"{org.base_url}/.well-known/openid-configuration")
    document = await reply.json()
    assert document["issuer"] == org.base_url
    endpoints = {key: url for key, url in document.items() if key.endswith("_endpoint") or key == "jwks_uri"}
    assert len(endpoints) == 6
    for url in endpoints.values():
        assert (await http.get(url)).status != 404, url


async def test_an_id_token_is_signed_with_the_published_key(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    code = await code_of(http, org, scope="openid api", nonce="n-1")
    _, reply = await exchange(http, org, code)
    assert "refresh_token" not in reply
    keys = await (await http.get(f"{org.base_url}/id/keys")).json()
    modulus, exponent = (int.from_bytes(unpadded(keys["keys"][0][name])) for name in ("n", "e"))
    text, _, signature = reply["id_token"].rpartition(".")
    RSAPublicNumbers(exponent, modulus).public_key().verify(unpadded(signature), text.encode(), PKCS1v15(), SHA256())
    claims = orjson.loads(unpadded(text.partition(".")[2]))
    assert (claims["sub"], claims["aud"], claims["nonce"]) == (reply["id"], org.org.config.client_id, "n-1")
    assert claims["at_hash"] == b64url(hashlib.sha256(reply["access_token"].encode()).digest()[:16])
    assert claims["exp"] - claims["iat"] == 120


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def test_the_identity_takes_a_token_in_the_query_or_in_the_body(
    http: aiohttp.ClientSession, org: RunningOrg
) -> None:
    url, form = f"{org.base_url}/services/oauth2/userinfo", {"access_token": org.access_token}
    assert (await http.post(url, data=form)).status == 200
    assert (await http.get(url, params={"oauth_token": org.access_token})).status == 200
    assert (await http.get(url, params={"oauth_token": "wrong"})).status == 403
