"""How a team authorises its org: the web-server flow with PKCE, client credentials, or JWT bearer.

Source: RFC 7636 and Salesforce's "OAuth 2.0 Web Server Flow" and "Client Credentials Flow".
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp

from workers.adapters.salesforce.assertions import JWT_BEARER, assertion
from workers.adapters.salesforce.token_endpoint import Grant, request_grant
from workers.adapters.salesforce.urls import checked_org_url
from workers.ports import Refused

AUTHORIZE_PATH = "/services/oauth2/authorize"
SCOPES = ("api", "refresh_token")


@dataclass(frozen=True, slots=True)
class Authorization:
    """An authorised org; `secret` is what must be kept to get tokens again, to be sealed before it rests."""

    org_id: str
    instance_url: str
    secret: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pkce:
    """The verifier stays here; the challenge goes through the browser."""

    verifier: str = field(repr=False)
    challenge: str


def new_pkce() -> Pkce:
    verifier = secrets.token_urlsafe(64)
    return Pkce(verifier, s256(verifier))


def s256(verifier: str) -> str:
    """RFC 7636, section 4.2: base64url without padding of the SHA-256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorize_url(
    login_url: str,
    *,
    client_id: str,
    redirect_uri: str,
    challenge: str,
    state: str,
    allow_insecure_loopback: bool = False,
) -> str:
    """Where the administrator's browser goes. Raises `Refused` for an address that is not Salesforce's."""
    login = checked_org_url(login_url, allow_insecure_loopback=allow_insecure_loopback)
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(SCOPES),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{login}{AUTHORIZE_PATH}?{urlencode(query)}"


async def exchange_code(
    session: aiohttp.ClientSession,
    login_url: str,
    *,
    client_id: str,
    client_secret: str | None,
    code: str,
    verifier: str,
    redirect_uri: str,
    allow_insecure_loopback: bool = False,
) -> Authorization:
    """The code that the browser brought back, for a refresh token.

    Raises `Refused` (wrong secret or code; no refresh token granted) or `Unavailable`.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
        **_secret(client_secret),
    }
    grant = await request_grant(session, login_url, form, allow_insecure_loopback=allow_insecure_loopback)
    if grant.refresh_token is None:
        raise Refused(
            "Salesforce granted no refresh token: add the scope 'Perform requests at any time (refresh_token, "
            "offline_access)' to the app and authorise again"
        )
    return _authorization(grant, {"refresh_token": grant.refresh_token, **_secret(client_secret)})


async def client_credentials(
    session: aiohttp.ClientSession,
    login_url: str,
    *,
    client_id: str,
    client_secret: str,
    allow_insecure_loopback: bool = False,
) -> Authorization:
    """Prove that the app's own credentials work. `login_url` must be the org's My Domain. Raises as `exchange_code`."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    grant = await request_grant(session, login_url, form, allow_insecure_loopback=allow_insecure_loopback)
    return _authorization(grant, {"client_secret": client_secret})


async def jwt_bearer(
    session: aiohttp.ClientSession,
    login_url: str,
    *,
    client_id: str,
    username: str,
    private_key: str,
    now_ms: int,
    allow_insecure_loopback: bool = False,
) -> Authorization:
    """Prove that the app's certificate belongs to `private_key` (PEM) and that `username` may use the app.

    No token is kept that could expire or be rotated. Raises as `exchange_code`.
    """
    secret = {"username": username, "private_key": private_key}
    signed = assertion(_App(client_id, login_url), secret, now_ms)
    form = {"grant_type": JWT_BEARER, "assertion": signed}
    grant = await request_grant(session, login_url, form, allow_insecure_loopback=allow_insecure_loopback)
    return _authorization(grant, secret)


@dataclass(frozen=True, slots=True)
class _App:
    client_id: str
    login_url: str


def _secret(client_secret: str | None) -> dict[str, str]:
    """Apps that rely on PKCE alone have no secret."""
    return {"client_secret": client_secret} if client_secret else {}


def _authorization(grant: Grant, secret: dict[str, str]) -> Authorization:
    return Authorization(grant.org_id, grant.instance_url, secret)
