"""The OAuth token endpoint: one form in, one checked reply out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from pydantic import BaseModel, ConfigDict

from workers.adapters.salesforce.errors import failure
from workers.adapters.salesforce.http import Request, exchange, parsed
from workers.adapters.salesforce.urls import checked_org_url, host_of
from workers.ports import Unavailable

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path
TOKEN_SECONDS = 30.0

_IDENTITY = re.compile(r"/id/(00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?)/005[A-Za-z0-9]+$")


@dataclass(frozen=True, slots=True)
class Grant:
    """What the endpoint gave; Salesforce names no expiry."""

    access_token: str = field(repr=False)
    instance_url: str
    org_id: str
    refresh_token: str | None = field(default=None, repr=False)


class _TokenReply(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    access_token: str
    instance_url: str
    id: str
    refresh_token: str | None = None


async def request_grant(
    session: aiohttp.ClientSession, login_url: str, form: Mapping[str, str], *, allow_insecure_loopback: bool = False
) -> Grant:
    """Ask for a token. Never retried here: with rotation, a second try could spend a refresh token twice.

    Raises `SalesforceRefused` for a refused grant or secret, `Unavailable` for network and server trouble, `Refused`
    when the reply points outside Salesforce.
    """
    login = checked_org_url(login_url, allow_insecure_loopback=allow_insecure_loopback)
    request = Request(
        "POST",
        login + TOKEN_PATH,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        content=urlencode(form).encode(),
        total_seconds=TOKEN_SECONDS,
    )
    call = f"the {form['grant_type']} grant at {host_of(login)}"
    reply = await exchange(session, request)
    if reply.status != 200:
        raise failure(reply, call)
    token = parsed(_TokenReply, reply, call)
    instance = checked_org_url(token.instance_url, allow_insecure_loopback=allow_insecure_loopback)
    return Grant(token.access_token, instance, _org_of(token.id, call), token.refresh_token)


def _org_of(identity_url: str, call: str) -> str:
    found = _IDENTITY.search(identity_url)
    if found is None:
        raise Unavailable(f"unexpected reply to {call}: the identity URL names no org")
    return found[1]
